// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** Guest memory as two CPUs see it. */
public final class GuestMemoryStress {
    private GuestMemoryStress() {}

    /**
     * A range of guest memory with a cell for each live state of a test. The cells are reused in a circle; there are
     * more of them than states at any time.
     */
    private static final class GuestCells {
        static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
        static final Machine MACHINE =
                Machine.builder().memory(64 << 20).tlbEntries(4096).build();
        static final AddressSpace SPACE = MACHINE.newSpace(GEOMETRY);

        /** Two cache lines. */
        static final int WIDE = 128;

        private static final int CELLS = 1 << 15;

        private final AtomicInteger next = new AtomicInteger();
        private final int size;
        private final int flags;
        private final @Nullable Backing backing;
        private final long start;

        /** Maps private memory for cells of a size that divides a page. */
        GuestCells(int size) {
            this(size, Mman.PRIVATE | Mman.ANONYMOUS, null);
        }

        private GuestCells(int size, int flags, @Nullable Backing backing) {
            this.size = size;
            this.flags = flags;
            this.backing = backing;
            start = map(0, (long) CELLS * size, flags, 0);
        }

        /** Maps a file for cells of a size that divides a page. */
        static GuestCells ofFile(int size) {
            Backing file =
                    MACHINE.newFile("/cells", 1, GEOMETRY, (long) CELLS * size).open();
            return new GuestCells(size, Mman.SHARED, file);
        }

        private long map(long address, long length, int how, long offset) {
            int rights = Mman.READ | Mman.WRITE;
            long mapped = SPACE.mmap(address, length, rights, how, backing, offset);
            if (Errno.isError(mapped)) {
                throw new IllegalStateException(Errno.of(mapped).name());
            }
            return mapped;
        }

        /** Returns the address of a cell that no other live state uses. */
        long next() {
            return start + (long) (next.getAndIncrement() & CELLS - 1) * size;
        }

        /** Remaps the page of a cell. */
        void mapAgain(long cell) {
            long page = cell & -GEOMETRY.pageSize();
            map(page, GEOMETRY.pageSize(), flags | Mman.FIXED, page - start);
        }
    }

    /** A CPU for a thread that runs actors. */
    private static final class GuestCpu extends FlatMemory {
        private static final ThreadLocal<GuestCpu> OF_THREAD = new ThreadLocal<>();

        final Cpu cpu;

        private GuestCpu(Cpu cpu) {
            super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
            this.cpu = cpu;
        }

        /** Returns the current thread's CPU. Outside GUEST, its accesses miss the TLB. */
        static GuestCpu ofThread() {
            GuestCpu made = OF_THREAD.get();
            return made != null ? made : make();
        }

        /**
         * Returns the current thread's CPU, which stays in GUEST from its first use on, so no thread may wait for it.
         */
        static GuestCpu inGuest() {
            GuestCpu made = OF_THREAD.get();
            if (made == null) {
                made = make();
                made.cpu.enterGuest();
            }
            return made;
        }

        private static GuestCpu make() {
            Cpu cpu = GuestCells.MACHINE.claimCpu();
            cpu.switchTo(GuestCells.SPACE);
            GuestCpu made = new GuestCpu(cpu);
            OF_THREAD.set(made);
            return made;
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new IllegalStateException(Fault.toString(fault) + " at 0x" + Long.toHexString(address));
        }
    }

    /** An aligned long of guest memory never tears. A long that crosses a cache line may tear. */
    @JCStressTest
    @Outcome(id = "(0|-1), (0|-1)", expect = ACCEPTABLE, desc = "whole")
    @Outcome(
            id = "(0|-1), -?[1-9][0-9]+",
            expect = ACCEPTABLE_INTERESTING,
            desc = "the long that is not aligned is torn")
    @Outcome(expect = FORBIDDEN, desc = "the aligned long is torn")
    @State
    public static class GuestLongIsWhole {
        private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

        private final long cell = CELLS.next();

        public GuestLongIsWhole() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeLong(cell, 0);
            memory.storeLong(cell + 60, 0);
        }

        @Actor
        public void writer() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeLong(cell, -1);
            memory.storeLong(cell + 60, -1);
        }

        @Actor
        public void reader(JJ_Result r) {
            GuestCpu memory = GuestCpu.inGuest();
            r.r1 = memory.loadLong(cell);
            r.r2 = memory.loadLong(cell + 60);
        }
    }

    /**
     * A CPU reads one word of guest memory twice while another CPU stores to it. Opaque loads observe the store in
     * order. Plain loads may be merged or reordered.
     */
    @JCStressTest
    @Outcome(id = "1, 0, .*", expect = FORBIDDEN, desc = "opaque: the old number after the new one")
    @Outcome(id = "(0, .|1, 1), 1, 0", expect = ACCEPTABLE_INTERESTING, desc = "plain: out of order")
    @Outcome(expect = ACCEPTABLE, desc = "in order")
    @State
    public static class GuestReadsOfOneWord {
        private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

        private final long cell = CELLS.next();

        public GuestReadsOfOneWord() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeInt(cell, 0);
            memory.storeInt(cell + 64, 0);
        }

        @Actor
        public void writer() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeIntOpaque(cell, 1);
            memory.storeInt(cell + 64, 1);
        }

        @Actor
        public void reader(IIII_Result r) {
            GuestCpu memory = GuestCpu.inGuest();
            r.r1 = memory.loadIntOpaque(cell);
            r.r2 = memory.loadIntOpaque(cell);
            r.r3 = memory.loadInt(cell + 64);
            r.r4 = memory.loadInt(cell + 64);
        }
    }

    /**
     * A number is stored, then a flag, in guest memory. A CPU that sees the flag with an acquire load also sees the
     * number, even if it read the number before. An opaque load of the flag guarantees nothing about other words.
     */
    @JCStressTest
    @Outcome(id = "1, 0, .*", expect = FORBIDDEN, desc = "the flag without the number")
    @Outcome(id = "(0, .|1, 1), 1, 0", expect = ACCEPTABLE_INTERESTING, desc = "opaque: out of order")
    @Outcome(expect = ACCEPTABLE, desc = "in order")
    @State
    public static class GuestMessagePassing {
        private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

        private final long cell = CELLS.next();

        public GuestMessagePassing() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeLong(cell, 0);
            memory.storeLong(cell + 64, 0);
        }

        @Actor
        public void writer() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeInt(cell, 1);
            memory.storeIntRelease(cell + 64, 1);
            memory.storeInt(cell + 4, 1);
            memory.storeIntOpaque(cell + 68, 1);
        }

        @Actor
        public void reader(IIII_Result r) {
            GuestCpu memory = GuestCpu.inGuest();
            // The early load lets the compiler reuse its value for the later load, unless the access mode of the flag
            // forbids that.
            int early = memory.loadInt(cell);
            r.r1 = memory.loadIntAcquire(cell + 64);
            r.r2 = memory.loadInt(cell) | early;
            early = memory.loadInt(cell + 4);
            r.r3 = memory.loadIntOpaque(cell + 68);
            r.r4 = memory.loadInt(cell + 4) | early;
        }
    }

    /**
     * Two CPUs store to a word of guest memory and load the other CPU's word. If the accesses are volatile, at least
     * one CPU sees the other's store. Release and acquire do not guarantee this.
     */
    @JCStressTest
    @Outcome(id = "0, 0, .*", expect = FORBIDDEN, desc = "volatile: both stores are late")
    @Outcome(id = "(0, 1|1, .), 0, 0", expect = ACCEPTABLE_INTERESTING, desc = "release: both are late")
    @Outcome(expect = ACCEPTABLE, desc = "in order")
    @State
    public static class GuestStoreBuffering {
        private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

        private final long cell = CELLS.next();

        public GuestStoreBuffering() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeLong(cell, 0);
            memory.storeLong(cell + 64, 0);
        }

        @Actor
        public void one(IIII_Result r) {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeIntRelease(cell, 1);
            r.r3 = memory.loadIntAcquire(cell + 64);
            memory.storeIntVolatile(cell + 4, 1);
            r.r1 = memory.loadIntVolatile(cell + 68);
        }

        @Actor
        public void other(IIII_Result r) {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeIntRelease(cell + 64, 1);
            r.r4 = memory.loadIntAcquire(cell);
            memory.storeIntVolatile(cell + 68, 1);
            r.r2 = memory.loadIntVolatile(cell + 4);
        }
    }

    /**
     * A CPU stores bytes while another CPU adds to the words around them: no update is lost, and no byte reverts. An
     * ordered store of a byte may be implemented as a store of the four bytes around it.
     */
    @JCStressTest
    @Outcome(id = "285212674, 570425346", expect = ACCEPTABLE, desc = "both bytes and all four updates")
    @Outcome(expect = FORBIDDEN, desc = "a byte or an update is lost")
    @State
    public static class GuestByteBesideAdd {
        private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

        private final long cell = CELLS.next();

        public GuestByteBesideAdd() {
            GuestCpu.inGuest().storeLong(cell, 0);
        }

        @Actor
        public void bytes() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.storeByte(cell + 3, (byte) 0x11);
            memory.storeByteRelease(cell + 7, (byte) 0x22);
        }

        @Actor
        public void adds() {
            GuestCpu memory = GuestCpu.inGuest();
            memory.getAndAddInt(cell, 1);
            memory.getAndAddInt(cell + 4, 1);
            memory.getAndAddInt(cell, 1);
            memory.getAndAddInt(cell + 4, 1);
        }

        @Arbiter
        public void end(II_Result r) {
            GuestCpu memory = GuestCpu.inGuest();
            r.r1 = memory.loadInt(cell);
            r.r2 = memory.loadInt(cell + 4);
        }
    }

    /**
     * Two CPUs add to words while the pages are remapped, or copied on write after a fork: no update is lost. The child
     * reads the value as of the fork.
     */
    @JCStressTest
    @Outcome(id = "4, 5, [0-4]", expect = ACCEPTABLE, desc = "all updates")
    @Outcome(expect = FORBIDDEN, desc = "an update is lost")
    @State
    public static class GuestAddBesideRemap {
        private static final int SIZE = 8;
        private static final GuestCells OF_FILE = GuestCells.ofFile(SIZE);
        private static final GuestCells PRIVATE = new GuestCells(SIZE);

        private final long ofFile = OF_FILE.next();
        private final long ofSpace = PRIVATE.next();

        public GuestAddBesideRemap() {
            GuestCpu memory = GuestCpu.ofThread();
            memory.storeLong(ofFile, 0);
            memory.storeLong(ofSpace, 0);
        }

        @Actor
        public void adds() {
            GuestCpu memory = GuestCpu.ofThread();
            memory.cpu.enterGuest();
            for (int i = 0; i < 4; i++) {
                memory.getAndAddInt(ofFile, 1);
                memory.getAndAddLong(ofSpace, 1);
                memory.poll();
            }
            memory.cpu.leaveGuest();
        }

        @Actor
        public void changes(III_Result r) {
            OF_FILE.mapAgain(ofFile);
            byte[] number = new byte[SIZE];
            try (AddressSpace child = GuestCells.SPACE.fork()) {
                // Copies the page, unless the other CPU copied it first.
                GuestCpu.ofThread().getAndAddLong(ofSpace, 1);
                child.read(ofSpace, number, 0, SIZE);
            }
            r.r3 = number[0];
        }

        @Arbiter
        public void end(III_Result r) {
            GuestCpu memory = GuestCpu.ofThread();
            r.r1 = memory.loadInt(ofFile);
            r.r2 = (int) memory.loadLong(ofSpace);
        }
    }
}
