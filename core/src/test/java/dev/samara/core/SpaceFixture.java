// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A machine with memory, a space of it, and a CPU of the test's thread that is in the space. */
public final class SpaceFixture implements AutoCloseable {
    public static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    public static final long PAGE = GEOMETRY.pageSize();
    public static final int READ = Protection.READ;
    public static final int WRITE = Protection.WRITE;
    public static final int EXEC = Protection.EXEC;
    public static final int RW = READ | WRITE;
    public static final int ANONYMOUS = MapFlags.PRIVATE | MapFlags.ANONYMOUS;

    /** The reports of the machine. */
    public final List<Report> reports = Collections.synchronizedList(new ArrayList<>());

    public final Machine machine;
    public final AddressSpace space;
    public final Cpu cpu;
    public final GuestMemory memory;

    /** With more memory than the test needs. */
    public SpaceFixture() {
        this(1 << 16);
    }

    /** With so many frames, of which those that are freed are poisoned. */
    public SpaceFixture(int frames) {
        this(Machine.builder()
                .memory(frames * PAGE)
                .poisonFrames(true)
                .reportWaitsLongerThan(Await.LONG)
                .reportGracePeriodsLongerThan(Await.LONG)
                .reportShootdownsLongerThan(Await.LONG));
    }

    /** With a machine as described. */
    public SpaceFixture(MachineBuilder builder) {
        this(builder, machine -> {});
    }

    /** With a machine as described, in which a seam is installed before there is a space. */
    public SpaceFixture(MachineBuilder builder, Consumer<Machine> seam) {
        machine = builder.reportTo(reports::add).build();
        seam.accept(machine);
        space = machine.newSpace(GEOMETRY);
        cpu = machine.claimCpu();
        cpu.switchTo(space);
        memory = cpu.memory();
    }

    /** Maps private anonymous memory that may be read and written. */
    public long anonymous(long pages) {
        return map(0, pages, RW, ANONYMOUS, null, 0);
    }

    /** Maps pages of a backing, or of none, and fails if that fails. */
    public long map(long address, long pages, int protection, int flags, @Nullable Backing backing, long page) {
        long mapped = space.mmap(address, pages * PAGE, protection, flags, backing, page * PAGE);
        assertTrue(!Errno.isError(mapped), () -> "mmap: " + Errno.of(mapped));
        return mapped;
    }

    /** A file whose pages begin with 0x100 and their number. */
    public MemoryFile file(long pages) {
        MemoryFile file = machine.newFile("/file", 7, GEOMETRY, pages * PAGE);
        byte[] stamp = new byte[8];
        for (long page = 0; page < pages; page++) {
            stamp[0] = (byte) page;
            stamp[1] = 1;
            assertEquals(8, file.pwrite(stamp, 0, 8, page * PAGE));
        }
        return file;
    }

    /** Writes a number, which must be possible. */
    public void store(long address, long number) {
        assertFault(Fault.NONE, memory.store(address, 8, number));
    }

    /** Reads a number, which must be possible. */
    public long load(long address) {
        assertFault(Fault.NONE, memory.load(address, 8));
        return memory.value();
    }

    /** Pins a page, which must be possible. */
    public PinnedFrame pin(long address, int access) {
        return pin(memory, address, access);
    }

    /** Pins a page of any CPU's memory, which must be possible. */
    public static PinnedFrame pin(GuestMemory memory, long address, int access) {
        PinnedFrame pinned = memory.pin(address, access);
        assertFault(Fault.NONE, memory.fault());
        return Objects.requireNonNull(pinned);
    }

    /** Reads the first number of a pinned frame. */
    public static long read(PinnedFrame pinned) {
        return pinned.store().get(pinned.frame(), 0, 8);
    }

    /** Writes the first number of a pinned frame. */
    public static void write(PinnedFrame pinned, long number) {
        pinned.store().put(pinned.frame(), 0, 8, number);
    }

    /** Makes a page accessible, for which its backing must fetch data. */
    public void majorFault(long address, int access) {
        long before = cpu.statistics().majorFaults();
        assertFault(Fault.NONE, memory.handleFault(address, access));
        assertEquals(before + 1, cpu.statistics().majorFaults());
    }

    /** Returns whether the TLB of a CPU has the translations that an access needs, which the caller's thread makes. */
    public static boolean hits(Cpu cpu, Runnable access) {
        long misses = cpu.statistics().tlbMisses();
        access.run();
        return cpu.statistics().tlbMisses() == misses;
    }

    /** The layout of the space. */
    public Layout layout() {
        return space.own;
    }

    /** The entry of the page table. */
    public long pte(long address) {
        return space.own.pages().get(address);
    }

    /** Whether there is a translation. */
    public boolean isMapped(long address) {
        return Pte.isPresent(pte(address));
    }

    /** How many pages of a range have a translation. */
    public int mapped(long address, long pages) {
        int mapped = 0;
        for (long page = 0; page < pages; page++) {
            mapped += isMapped(address + page * PAGE) ? 1 : 0;
        }
        return mapped;
    }

    /** The frames in use. */
    public long frames() {
        return machine.statistics().framesInUse();
    }

    /** Compares what became of a fault, by name. */
    public static void assertFault(int expected, int actual) {
        assertEquals(Fault.toString(expected), Fault.toString(actual));
    }

    /** Compares the result of a call, by name if it is an error. */
    public static void assertResult(Errno expected, long actual) {
        assertEquals(
                expected.result(),
                actual,
                () -> Errno.isError(actual) ? Errno.of(actual).name() : "no error");
    }

    /** Gives CPU and space up, and waits until everything is closed. */
    @Override
    public void close() {
        cpu.close();
        space.close();
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            throw new AssertionError("interrupted while everything was to be closed", interrupted);
        }
    }

    /** Closes everything, and asserts that no frame is in use or pinned, and that no page table is left. */
    public void closeEmpty() {
        close();
        assertEquals(0, frames(), "frames in use");
        assertEquals(0, machine.statistics().pins(), "pins");
        assertEquals(0, space.own.pages().tables(), "page tables");
    }
}
