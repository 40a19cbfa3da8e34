// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.ProtectionMap;
import dev.samara.testing.Share;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Accesses to memory with each protection, in spaces of each architecture. */
@ExtendWith(OneThread.class)
@SuppressWarnings("NullAway.Init") // each test opens its machine first
final class ArchitectureRightsTest {
    private static final int READ = Mman.READ;
    private static final int WRITE = Mman.WRITE;
    private static final int EXEC = Mman.EXEC;

    /** The access of an atomic update. */
    private static final int UPDATE = READ | WRITE;

    /** Chooses pairs of protections. */
    private static final Share RIGHTS = Share.of("protections before and after mprotect", 4);

    private static final int PRIVATE = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final int SHARED = Mman.SHARED | Mman.ANONYMOUS;

    /** Closed in reverse order. */
    private final List<AutoCloseable> opened = new ArrayList<>();

    /** A file of one page that is notified of first writes. */
    private static final class NoticingFile extends CachedBacking {
        /** More notices than the accesses of a test can cause. */
        private static final int MOST = 100;

        final PageCache cache;
        int notices;

        NoticingFile(PageCache cache) {
            super("/noticing", cache);
            this.cache = cache;
        }

        @Override
        protected boolean read(long pageNumber, int frame, FrameStore store) {
            return true;
        }

        @Override
        public boolean noticesWrites() {
            return true;
        }

        /** Fails instead of being called forever. */
        @Override
        public int pageMkwrite(Backing.PageRequest request) {
            return ++notices > MOST ? -Fault.ADRERR : 0;
        }
    }

    /** What a mapping maps. */
    private enum Kind {
        ANONYMOUS,
        FILE,
        NOTICING_FILE
    }

    private Machine machine;
    private MemoryFile file;
    private NoticingFile noticing;
    private AddressSpace space;
    private Cpu cpu;
    private GuestMemory memory;
    private long page;

    static Stream<Arguments> geometries() {
        return Stream.of(
                        Geometry.LINUX_X86_64,
                        Geometry.LINUX_X86_32.withProtectionMap(ProtectionMap.X86_WITHOUT_NX),
                        Geometry.LINUX_AARCH64_4K,
                        Geometry.LINUX_AARCH64_16K.withProtectionMap(ProtectionMap.AARCH64_WITHOUT_EPAN),
                        Geometry.LINUX_RISCV_SV48,
                        Geometry.LINUX_MIPS32,
                        Geometry.LINUX_MIPS32.withProtectionMap(ProtectionMap.MIPS_WITHOUT_RIXI),
                        Geometry.LINUX_PPC32,
                        Geometry.LINUX_PPC32.withProtectionMap(ProtectionMap.POWERPC_WITHOUT_NX),
                        Geometry.LINUX_PPC64_64K)
                .flatMap(geometry -> Stream.of(Arguments.of(geometry, false), Arguments.of(geometry, true)));
    }

    private void open(Geometry geometry, boolean isChecked) {
        machine = Machine.builder()
                .memory(1024 * geometry.pageSize())
                .checked(isChecked)
                .build();
        opened.add(machine);
        space = machine.newSpace(geometry);
        opened.add(space);
        cpu = machine.claimCpu();
        opened.add(cpu);
        cpu.switchTo(space);
        memory = cpu.memory();
        page = geometry.pageSize();
        file = machine.newFile("/file", 1, geometry, page);
        noticing = new NoticingFile(machine.newPageCache(geometry, page));
    }

    @AfterEach
    void close() throws Exception {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).close();
        }
    }

    private long map(int protection, int flags) {
        return mapOf(protection, flags, null);
    }

    private long mapOf(int protection, int flags, @Nullable Backing backing) {
        long mapped = space.mmap(0, page, protection, flags, backing, 0);
        assertFalse(Errno.isError(mapped), () -> "mmap: " + Errno.of(mapped));
        return mapped;
    }

    private long map(int protection, int flags, Kind kind) {
        return switch (kind) {
            case ANONYMOUS -> map(protection, flags | Mman.ANONYMOUS);
            case FILE -> mapOf(protection, flags, file.open());
            case NOTICING_FILE -> mapOf(protection, flags, noticing);
        };
    }

    private int access(long address, int access) {
        return switch (access) {
            case READ -> memory.load(address, 4);
            case WRITE -> memory.store(address, 4, 7);
            case EXEC -> memory.fetch(address, 4);
            default -> memory.getAndAdd(address, 4, 1);
        };
    }

    private int expected(int protection, int access) {
        boolean isPermitted = (access & ~space.geometry().protectionMap().rights(protection)) == 0;
        return isPermitted ? Fault.NONE : Fault.ACCERR;
    }

    /**
     * Makes each access twice: with a fault, and with the entries that the fault left in the page table and the TLB.
     */
    private void assertRights(int protection, long address, String where) {
        int rights = space.geometry().protectionMap().rights(protection);
        // Accesses that create entries precede and follow the refused ones.
        for (int access : new int[] {EXEC, WRITE, READ, WRITE, EXEC}) {
            int expected = (rights & access) != 0 ? Fault.NONE : Fault.ACCERR;
            String what = where + " protection " + protection + ", access " + access;
            assertEquals(expected, access(address, access), what);
            assertEquals(expected, access(address, access), what + ", again");
            assertEquals(expected, memory.handleFault(address, access), what + ", by a fault");
            assertEquals(expected, space.resolve(address, access), what + ", by the layout");
        }
        int update = (rights & READ) != 0 && (rights & WRITE) != 0 ? Fault.NONE : Fault.ACCERR;
        assertEquals(update, memory.getAndAdd(address, 4, 1), where + " update with protection " + protection);
        assertEquals(update, memory.compareAndSet(address, 4, -1, 1), where + " with protection " + protection);
        int ordered = (rights & WRITE) != 0 ? Fault.NONE : Fault.ACCERR;
        assertEquals(ordered, memory.storeVolatile(address, 4, 1), where + " store with protection " + protection);
    }

    @ParameterizedTest(name = "{0}, checked {1}")
    @MethodSource("geometries")
    @DisplayName("fresh memory permits what the architecture's map permits")
    void freshMemory(Geometry geometry, boolean isChecked) {
        open(geometry, isChecked);
        for (int protection = 0; protection < 8; protection++) {
            assertRights(protection, map(protection, PRIVATE), "private");
            assertRights(protection, map(protection, SHARED), "shared");
        }
    }

    @ParameterizedTest(name = "{0}, checked {1}")
    @MethodSource("geometries")
    @DisplayName("mprotect takes and gives the rights of the architecture's map")
    void changedMemory(Geometry geometry, boolean isChecked) {
        open(geometry, isChecked);
        for (int flags : new int[] {PRIVATE, SHARED}) {
            for (int before = 0; before < 8; before++) {
                for (int after = 0; after < 8; after++) {
                    long address = map(before, flags);
                    assertRights(before, address, "before");
                    assertEquals(0, space.mprotect(address, page, after));
                    assertRights(after, address, "changed from " + before + " to");
                    assertEquals(0, space.munmap(address, page));
                }
            }
        }
    }

    @ParameterizedTest(name = "{0}, checked {1}")
    @MethodSource("geometries")
    @DisplayName("a page of a file, and its private copy, permit what the architecture's map permits")
    void fileMemory(Geometry geometry, boolean isChecked) {
        open(geometry, isChecked);
        for (int flags : new int[] {Mman.PRIVATE, Mman.SHARED}) {
            for (int protection = 0; protection < 8; protection++) {
                assertRights(protection, map(protection, flags, Kind.FILE), "file");
                assertRights(protection, map(protection, flags, Kind.NOTICING_FILE), "file that notices writes");
            }
        }
    }

    /**
     * The entry keeps the rights that the first access left, even after the mapping's rights changed. No other access
     * precedes the one after the change, so its own fault must add all rights that it needs.
     */
    @ParameterizedTest(name = "{0}, checked {1}")
    @MethodSource("geometries")
    @DisplayName("P18: the first access after mprotect leaves an entry that permits it, whatever was accessed before")
    void firstAccess(Geometry geometry, boolean isChecked) {
        open(geometry, isChecked);
        List<Integer> shared = RIGHTS.of(IntStream.range(0, 64).boxed().toList());
        for (Kind kind : Kind.values()) {
            for (int flags : new int[] {Mman.PRIVATE, Mman.SHARED}) {
                for (int rights : shared) {
                    for (int first : new int[] {READ, WRITE, EXEC, UPDATE}) {
                        for (int next : new int[] {READ, WRITE, EXEC, UPDATE}) {
                            assertFirst(kind, flags, false, rights >> 3, first, rights & 7, next);
                            assertFirst(kind, flags, true, rights >> 3, first, rights & 7, next);
                        }
                    }
                }
            }
        }
    }

    /** Makes the accesses to a page that was in the page table before, with all rights, or to one that was not. */
    private void assertFirst(Kind kind, int flags, boolean isPresent, int before, int first, int after, int next) {
        long address = map(isPresent ? READ | WRITE | EXEC : before, flags, kind);
        if (isPresent) {
            assertEquals(Fault.NONE, access(address, UPDATE));
            assertEquals(Fault.NONE, access(address, EXEC));
            assertEquals(0, space.mprotect(address, page, before));
        }
        noticing.notices = 0;
        int one = access(address, first);
        assertEquals(0, space.mprotect(address, page, after));
        int other = access(address, next);
        long misses = cpu.statistics().tlbMisses();
        int again = access(address, next);
        long missed = cpu.statistics().tlbMisses() - misses;
        if (one != expected(before, first) || other != expected(after, next) || again != other) {
            fail(String.format(
                    Locale.ROOT,
                    "%s, flags %d, present %s: access %d of protection %d is %d, then access %d of protection %d is"
                            + " %d, %d",
                    kind,
                    flags,
                    isPresent,
                    first,
                    before,
                    one,
                    next,
                    after,
                    other,
                    again));
        }
        // Where write does not imply read, stores to write-only memory miss, and still miss after mprotect makes it
        // readable.
        if (again == Fault.NONE
                && missed != 0
                && space.geometry().protectionMap().writeImpliesRead()) {
            fail(String.format(
                    Locale.ROOT,
                    "%s, flags %d, present %s: access %d misses again, with protection %d after %d",
                    kind,
                    flags,
                    isPresent,
                    next,
                    after,
                    before));
        }
        if (kind == Kind.ANONYMOUS && flags == Mman.SHARED) {
            // The end of a shared object frees its page only in the background.
            assertEquals(0, space.madvise(address, page, Mman.REMOVE));
        }
        assertEquals(0, space.munmap(address, page));
        if (kind == Kind.NOTICING_FILE) {
            noticing.cache.remove(0, 1);
        }
    }

    @ParameterizedTest(name = "{0}, checked {1}")
    @MethodSource("geometries")
    @DisplayName("a child's memory permits what its parent's does")
    void forkedMemory(Geometry geometry, boolean isChecked) {
        open(geometry, isChecked);
        long[] addresses = new long[8];
        for (int protection = 0; protection < 8; protection++) {
            addresses[protection] = map(READ | WRITE, PRIVATE);
            assertEquals(Fault.NONE, memory.store(addresses[protection], 4, 1));
            assertEquals(0, space.mprotect(addresses[protection], page, protection));
        }
        AddressSpace child = space.fork();
        opened.add(2, child);
        for (AddressSpace of : List.of(child, space)) {
            cpu.switchTo(of);
            for (int protection = 0; protection < 8; protection++) {
                assertRights(protection, addresses[protection], "forked");
            }
        }
    }

    @Test
    @DisplayName("a backing is not notified again of writes to a page that may be written, when it may be read too")
    void noticedOnce() {
        open(Geometry.LINUX_MIPS32, false);
        long address = mapOf(WRITE, Mman.SHARED, noticing);
        assertEquals(Fault.NONE, memory.store(address, 4, 1));
        assertEquals(0, space.mprotect(address, page, READ | WRITE));
        assertEquals(Fault.NONE, memory.getAndAdd(address, 4, 1));
        assertEquals(1, noticing.notices);
        assertEquals(1, memory.value());
    }

    @Test
    @DisplayName("an access may be given as the protection that mmap was given, with PROT_SEM")
    void protectionAsAccess() {
        open(Geometry.LINUX_X86_64, false);
        int protection = READ | WRITE | Mman.SEM;
        long address = map(protection, PRIVATE);
        assertEquals(Fault.NONE, space.resolve(address, protection));
        assertEquals(Fault.NONE, memory.handleFault(address, protection));
        assertEquals(Fault.ACCERR, space.resolve(address, EXEC | Mman.SEM));
        int forced = READ | Faulter.FORCED;
        long hidden = map(0, PRIVATE);
        assertThrows(IllegalArgumentException.class, () -> space.resolve(hidden, forced));
        assertThrows(IllegalArgumentException.class, () -> memory.handleFault(hidden, forced));
    }

    @Test
    @DisplayName("a view stores to write-only memory, and refuses its atomic updates and loads")
    void views() {
        open(Geometry.LINUX_MIPS32, false);
        long writeOnly = map(WRITE, PRIVATE);
        int[] faults = new int[1];
        FlatMemory flat = new FlatMemory(memory, ByteOrder.BIG_ENDIAN) {
            @Override
            protected void fault(int kind, long address, int access, int size) {
                faults[0] = kind;
                throw new IllegalStateException("fault");
            }
        };
        cpu.enterGuest();
        flat.storeInt(writeOnly, 5);
        flat.storeInt(writeOnly, 6);
        assertEquals(-1, flat.translate(writeOnly, WRITE));
        assertThrows(IllegalStateException.class, () -> flat.getAndAddInt(writeOnly, 1));
        assertEquals(Fault.ACCERR, faults[0]);
        assertEquals(new Fault(Fault.ACCERR, writeOnly, WRITE, 4), memory.lastFault());
        assertEquals(Fault.NONE, space.resolve(writeOnly, WRITE));
        assertEquals(Fault.ACCERR, space.resolve(writeOnly, UPDATE));
        assertThrows(IllegalStateException.class, () -> flat.loadInt(writeOnly));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("stores to memory that was write-only hit the TLB after its first load or atomic update")
    void noLongerWriteOnly() {
        open(Geometry.LINUX_MIPS32, false);
        for (int access : new int[] {READ, UPDATE}) {
            long address = map(WRITE, PRIVATE);
            assertEquals(Fault.NONE, memory.store(address, 4, 1));
            assertEquals(0, space.mprotect(address, page, READ | WRITE));
            assertEquals(Fault.NONE, access(address, access));
            long misses = cpu.statistics().tlbMisses();
            assertEquals(Fault.NONE, memory.store(address, 4, 1));
            assertEquals(misses, cpu.statistics().tlbMisses());
        }
    }

    @Test
    @DisplayName("a futex word of execute-only memory cannot be compared")
    void futexWord() {
        open(Geometry.LINUX_AARCH64_4K, false);
        long address = map(EXEC, PRIVATE);
        FutexTable futexes = machine.futexes();
        assertEquals(Errno.EFAULT.result(), futexes.await(memory, address, false, 1, FutexTable.ANY, 0));
        assertEquals(Errno.EFAULT.result(), space.read(address, ByteBuffer.allocate(4)));
        assertEquals(0, futexes.wake(memory, address, false, 1, FutexTable.ANY));
    }

    @Test
    @DisplayName("execute-only memory can be locked, which makes its pages present")
    void locked() {
        open(Geometry.LINUX_AARCH64_4K, true);
        long address = map(EXEC, PRIVATE);
        assertEquals(0, space.mlock(address, page));
        byte[] present = new byte[1];
        assertEquals(0, space.mincore(address, page, present));
        assertEquals(1, present[0]);
        assertEquals(Fault.NONE, memory.fetch(address, 4));
        assertEquals(Fault.ACCERR, memory.load(address, 4));
    }

    @Test
    @DisplayName("a debugger reads execute-only and write-only memory")
    void forced() {
        open(Geometry.LINUX_MIPS32, true);
        long writeOnly = map(WRITE, PRIVATE);
        assertEquals(Fault.NONE, memory.store(writeOnly, 4, 42));
        ByteBuffer bytes = ByteBuffer.allocate(4);
        assertEquals(Errno.EFAULT.result(), space.read(writeOnly, bytes));
        assertEquals(4, space.readForced(writeOnly, bytes));
        assertEquals(Fault.ACCERR, memory.load(writeOnly, 4));
    }
}
