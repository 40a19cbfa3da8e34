// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.live.file.Kind.LENGTH;
import static dev.samara.core.live.file.Kind.OFFSET;
import static dev.samara.core.live.file.Kind.PAGES;
import static dev.samara.core.live.file.Kind.SEED;
import static dev.samara.core.live.file.Kind.SIZE;
import static dev.samara.core.live.file.Kind.SLOT;
import static dev.samara.core.live.file.Kind.SPACE;
import static dev.samara.core.live.file.Places.PAGE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.hostfile.HostChannel.ChannelOpener;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.testing.judge.Task;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Executes the steps of a script with library calls, on its own machine. */
final class LibrarySide {
    private static final int FRAMES = 512;

    /** The size of the file that evicts other pages, in pages. */
    private static final int BALLAST = 64;

    private final Path folder;
    private final Machine machine;
    private final AddressSpace[] spaces = new AddressSpace[Places.SPACES];
    private final Cpu[] cpus = new Cpu[Places.SPACES];
    private final @Nullable HostFile[] slots = new HostFile[Places.SLOTS];
    private final boolean[] areOpen = new boolean[Places.SLOTS];
    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final HostFile ballast;
    private final HostHook hook;
    /** The option for blocks with which files are opened, or null. */
    private final @Nullable HostFileOption block;

    private byte[] lastRead = {};

    LibrarySide(Path folder, Step settings) {
        this(folder, settings, new HostHook());
    }

    private LibrarySide(Path folder, Step settings, HostHook hook) {
        this(folder, settings, hook, hook.channels);
    }

    /** Creates a side whose files are in a folder and are opened by an opener. */
    LibrarySide(Path folder, Step settings, HostHook hook, ChannelOpener opener) {
        this.folder = folder;
        this.hook = hook;
        MachineBuilder builder = Machine.builder()
                .memory(FRAMES * (long) PAGE)
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO)
                .forceOnClose(settings.get(Kind.FORCED) != 0)
                .reportTo(reports::add);
        if (settings.get(Kind.LIMIT) > 0) {
            builder.cacheLimit(settings.get(Kind.LIMIT) * PAGE);
        }
        block = block(settings);
        machine = builder.build();
        HostFiles files = MachineInternals.hostFiles(machine);
        files.openBy(opener);
        if (settings.get(Kind.FORCED) == 0) {
            // Only in some scripts: reads are short, so few of them would otherwise bypass the cache.
            files.readUncachedFrom(PAGE);
        }
        for (int i = 0; i < Places.SPACES; i++) {
            spaces[i] = machine.newSpace(GEOMETRY);
            cpus[i] = machine.claimCpu();
            cpus[i].switchTo(spaces[i]);
        }
        ballast = machine.openFile(folder.resolve("ballast"), GEOMETRY);
    }

    private HostFile file(Step step) {
        return Objects.requireNonNull(slots[step.number(SLOT)]);
    }

    /** Returns the option for blocks; null if the limit has no room for eight of them. */
    private static @Nullable HostFileOption block(Step settings) {
        long limit = settings.get(Kind.LIMIT);
        int pages = settings.number(Kind.BLOCK);
        if (pages == 0 || (limit > 0 && limit < 8L * pages)) {
            return null;
        }
        return pages == 4 ? HostFileOption.BLOCKS_16K : HostFileOption.BLOCKS_64K;
    }

    /** Returns the last open of a slot, which may be closed by now. */
    HostFile file(int slot) {
        return Objects.requireNonNull(slots[slot]);
    }

    private AddressSpace space(Step step) {
        return spaces[step.number(SPACE)];
    }

    private GuestMemory memory(Step step) {
        return cpus[step.number(SPACE)].memory();
    }

    HostHook hook() {
        return hook;
    }

    Outcome run(Step step) {
        if (step.has(SLOT) && step.verb() != Verb.OPEN && slots[step.number(SLOT)] == null) {
            return step.verb() == Verb.CLOSE ? Outcome.of(0) : Outcome.of(withoutOpen(step));
        }
        return switch (step.verb()) {
            case OPEN -> Outcome.of(open(step));
            case CLOSE -> close(step.number(SLOT));
            case PREAD -> pread(step);
            case PWRITE -> Outcome.of(file(step).pwrite(bytes(step), step.get(OFFSET)));
            case APPEND -> append(step);
            case TRUNCATE -> Outcome.of(file(step).truncate(step.get(SIZE)));
            case GROW -> Outcome.of(file(step).grow(step.get(SIZE)));
            case PUNCH -> Outcome.of(file(step).punch(step.get(OFFSET), step.get(LENGTH)));
            case FSYNC -> Outcome.of(file(step).fsync());
            case SYNC_RANGE ->
                Outcome.of(file(step).syncRange(step.get(OFFSET), step.get(LENGTH), step.number(Kind.FLAGS)));
            case REVALIDATE -> Outcome.of(file(step).revalidate());
            case MMAP -> Outcome.of(map(step));
            case MUNMAP, MPROTECT, MADVISE, MSYNC -> Outcome.of(change(step));
            case LOAD -> load(step);
            case STORE -> store(step);
            case EVICT -> evict();
            default -> Outcome.of(0);
        };
    }

    /**
     * Returns the error for a slot that was never opened. The library has no call for such a slot, and the kernel
     * checks some arguments before it returns EBADF.
     */
    private static long withoutOpen(Step step) {
        boolean isInvalid = switch (step.verb()) {
            case PREAD, PWRITE -> step.get(OFFSET) < 0;
            case TRUNCATE -> step.get(SIZE) < 0;
            case MMAP -> step.get(OFFSET) % PAGE != 0;
            default -> false;
        };
        return (isInvalid ? Errno.EINVAL : Errno.EBADF).result();
    }

    private static ByteBuffer bytes(Step step) {
        return Pattern.of(step.get(SEED), step.get(LENGTH));
    }

    private long open(Step step) {
        int slot = step.number(SLOT);
        close(slot);
        String name = Names.of(step.get(Kind.NAME));
        try {
            slots[slot] = machine.openFile(
                    folder.resolve(name), GEOMETRY, OpenMode.of(step).options(block));
            areOpen[slot] = true;
            return 0;
        } catch (MmException refused) {
            slots[slot] = null;
            return refused.errno().result();
        }
    }

    /** Closes the open of a slot; a second close does nothing. */
    Outcome close(int slot) {
        HostFile file = slots[slot];
        if (file != null) {
            file.close();
        }
        areOpen[slot] = false;
        return Outcome.of(0);
    }

    /** Executes a step while another one may read: {@link #lastRead} returns what the other one read. */
    Outcome runBesideAnother(Step step) {
        return step.verb() == Verb.PREAD && slots[step.number(SLOT)] != null
                ? pread(step, new byte[step.number(LENGTH)])
                : run(step);
    }

    private Outcome pread(Step step) {
        byte[] bytes = new byte[step.number(LENGTH)];
        Outcome outcome = pread(step, bytes);
        lastRead = bytes;
        return outcome;
    }

    private Outcome pread(Step step, byte[] bytes) {
        long read = file(step).pread(ByteBuffer.wrap(bytes), step.get(OFFSET));
        return new Outcome(read, read > 0 ? hash(bytes, (int) read) : 0);
    }

    byte[] lastRead() {
        return lastRead;
    }

    private static long hash(byte[] bytes, int length) {
        List<String> pages = new ArrayList<>();
        for (int at = 0; at < length; at += PAGE) {
            pages.add(hash(bytes, at, Math.min(at + PAGE, length)));
        }
        return Hand.hash(pages);
    }

    private static String hash(byte[] bytes, int from, int to) {
        String digits = Long.toHexString(Task.hash(bytes, from, to));
        return "0".repeat(16 - digits.length()) + digits;
    }

    private Outcome append(Step step) {
        ByteBuffer source = bytes(step);
        long at = file(step).append(source);
        return at < 0 ? Outcome.of(at) : new Outcome(source.position(), at);
    }

    private long map(Step step) {
        int slot = step.number(SLOT);
        return areOpen[slot]
                ? space(step)
                        .mmap(
                                Places.region(step.get(Kind.REGION)),
                                step.get(PAGES) * PAGE,
                                step.number(Kind.PROTECTION),
                                step.number(Kind.MAPPING) | Mman.FIXED,
                                file(slot),
                                step.get(OFFSET))
                // The library could still map a closed open that has a mapping, so the call is not made.
                : withoutOpen(step);
    }

    private long change(Step step) {
        long at = Places.address(step);
        return switch (step.verb()) {
            case MUNMAP -> space(step).munmap(at, step.get(PAGES) * PAGE);
            case MPROTECT -> space(step).mprotect(at, step.get(PAGES) * PAGE, step.number(Kind.PROTECTION));
            case MADVISE -> space(step).madvise(at, step.get(LENGTH), step.number(Kind.ADVICE));
            default -> space(step).msync(at, step.get(LENGTH), step.number(Kind.FLAGS));
        };
    }

    private Outcome load(Step step) {
        GuestMemory memory = memory(step);
        return memory.load(Places.address(step), step.number(Kind.WIDTH)) == Fault.NONE
                ? new Outcome(0, memory.value())
                : Outcome.fault(Objects.requireNonNull(memory.lastFault()));
    }

    private Outcome store(Step step) {
        GuestMemory memory = memory(step);
        return memory.store(Places.address(step), step.number(Kind.WIDTH), step.get(Kind.VALUE)) == Fault.NONE
                ? Outcome.of(0)
                : Outcome.fault(Objects.requireNonNull(memory.lastFault()));
    }

    private Outcome evict() {
        ballast.pread(ByteBuffer.allocate(BALLAST * PAGE), 0);
        return Outcome.of(0);
    }

    /** Saves a file before an announced change by another program. */
    void announce(HostFile file) {
        file.fsync();
    }

    /** Revalidates a file that another program changed, and removes all of its pages from memory. */
    void lookAgain(HostFile file) {
        file.revalidate();
        file.pageCache().remove(0, Long.MAX_VALUE);
    }

    /** Waits for background write-backs, and for the saves and closes of files whose last user was a mapping. */
    void awaitEnds() {
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Returns the state of each page of a region: a hash, or a fault. */
    List<String> pages(int space, int region) {
        List<String> pages = new ArrayList<>();
        for (int page = 0; page < Places.PAGES; page++) {
            byte[] bytes = new byte[PAGE];
            pages.add(
                    copyOut(space, region, page, bytes)
                            ? hash(bytes, 0, PAGE)
                            : fault(cpus[space].memory().fault()));
        }
        return pages;
    }

    private boolean copyOut(int space, int region, int page, byte[] bytes) {
        return cpus[space].memory().copyOut(Places.region(region) + page * (long) PAGE, bytes, 0, PAGE) == PAGE;
    }

    private static String fault(int kind) {
        return switch (kind) {
            case Fault.MAPERR -> ".M";
            case Fault.ACCERR -> ".A";
            case Fault.ADRERR -> ".B";
            default -> "fault " + kind;
        };
    }

    byte[] page(int space, int region, int page) {
        byte[] bytes = new byte[PAGE];
        copyOut(space, region, page, bytes);
        return bytes;
    }

    Machine machine() {
        return machine;
    }

    /** Returns the reports of the machine so far. */
    List<Report> reports() {
        return List.copyOf(reports);
    }

    /** Closes the spaces, and the file whose pages evict other pages. */
    void endSpaces() {
        ballast.close();
        for (int i = 0; i < Places.SPACES; i++) {
            cpus[i].close();
            spaces[i].close();
        }
    }

    /** Ends the script, and returns the reports of the machine. */
    List<Report> end() {
        for (int slot = 0; slot < Places.SLOTS; slot++) {
            close(slot);
        }
        endSpaces();
        machine.close();
        // A thread of the machine may still be closing a file whose last user was a mapping.
        Await.until("all channels are closed", () -> hook.channels.open.get() == 0);
        return reports;
    }
}
