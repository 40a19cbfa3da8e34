// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A machine's charge is always the sum of the charged pages of its spaces. */
@DisplayName("The committed memory is that of all private accounted VMAs, and each shared object once")
class CommitAccountingTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int STEPS =
            TORTURE ? 1_000_000 : Share.of("CommitAccountingTest", 4).steps(6_000);
    private static final int ROUNDS =
            TORTURE ? 2_000_000 : Share.of("CommitAccountingTest", 4).steps(100_000);
    private static final int LIMIT = 40;
    private static final int MOST_SPACES = 4;

    private static final long PAGE = 0x1000;
    private static final Geometry GEOMETRY = new Geometry(12, 4, 15, 0x4000, 0x180000, 0x180000);
    private static final long PLACE = 0x20000;
    private static final long HEAP = 0xd0000;
    private static final int READ = Protection.READ;
    private static final int READ_WRITE = READ | Protection.WRITE;
    private static final int PRIVATE = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
    private static final int SHARED = MapFlags.SHARED | MapFlags.ANONYMOUS;
    private static final int FIXED = MapFlags.FIXED;
    private static final int MOVE_TO = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;

    private final Machine machine = Machine.builder().commitLimit(LIMIT * PAGE).build();
    private final AddressSpace space = machine.space(GEOMETRY).heap(HEAP, HEAP).build();
    private final List<AddressSpace> spaces = new ArrayList<>(List.of(space));

    /** The number of pages of each shared object at its creation. */
    private final Map<Backing, Long> objects = new HashMap<>();

    @AfterEach
    void everythingIsGivenBack() {
        spaces.forEach(AddressSpace::close);
        assertEquals(0, machine.committed());
    }

    private static long page(int page) {
        return PLACE + page * PAGE;
    }

    private long committed() {
        assertEquals(0, machine.committed() % PAGE);
        return machine.committed() / PAGE;
    }

    private void mapPrivate(int page, int pages) {
        assertEquals(page(page), space.mmap(page(page), pages * PAGE, READ_WRITE, PRIVATE | FIXED, null, 0));
    }

    private void mapShared(int page, int pages) {
        assertEquals(page(page), space.mmap(page(page), pages * PAGE, READ_WRITE, SHARED | FIXED, null, 0));
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(textBlock = """
        private anonymous rw-,       2, 3, 0, 5
        private anonymous -w-,       2, 2, 0, 5
        private anonymous r--,       2, 1, 0, 0
        private anonymous ---,       2, 0, 0, 0
        private anonymous r-x,       2, 5, 0, 0
        'private anonymous, no reserve', 2, 3, 0x4000, 5
        'private r--, no reserve',   2, 1, 0x4000, 0
        stack,                       2, 3, 0x100, 5
        shared anonymous,            1, 3, 0, 5
        shared anonymous ---,        1, 0, 0, 5
        'shared anonymous, no reserve', 1, 3, 0x4000, 5
        droppable,                   8, 3, 0, 0
        """)
    void anonymousMemory(String what, int type, int protection, String more, long charged) {
        int flags = type | MapFlags.ANONYMOUS | FIXED | Integer.decode(more);
        assertEquals(page(0), space.mmap(page(0), 5 * PAGE, protection, flags, null, 0), what);
        assertEquals(charged, committed(), what);
        assertEquals(0, space.munmap(page(1), 2 * PAGE), what);
        assertEquals(type == MapFlags.SHARED ? charged : charged * 3 / 5, committed(), what);
    }

    @ParameterizedTest(name = "{0}, type {1}, protection {2}")
    @CsvSource({"A, 2, 3, 5", "A, 2, 1, 0", "A, 1, 3, 0", "ZERO, 2, 3, 5", "ZERO, 2, 1, 0", "ZERO, 1, 1, 5"})
    void files(String name, int type, int protection, long charged) {
        Backing file = name.equals("A") ? OpenFiles.A : OpenFiles.ZERO;
        assertEquals(page(0), space.mmap(page(0), 5 * PAGE, protection, type | FIXED, file, 0));
        assertEquals(charged, committed());
    }

    @Test
    @DisplayName("mmap over accounted memory is charged the difference only")
    void replacement() {
        mapPrivate(0, LIMIT);
        mapPrivate(0, LIMIT);
        mapPrivate(3, LIMIT - 3);
        assertEquals(LIMIT, committed());
        assertEquals(Errno.ENOMEM.result(), space.mmap(page(1), LIMIT * PAGE, READ_WRITE, PRIVATE | FIXED, null, 0));
        assertEquals(LIMIT, committed());
        assertEquals(page(1), space.mmap(page(1), LIMIT * PAGE, READ, PRIVATE | FIXED, null, 0));
        assertEquals(1, committed());
    }

    @Test
    @DisplayName("mprotect to writable is charged mapping by mapping, and charges from before a refusal stay")
    void protection() {
        assertEquals(page(0), space.mmap(page(0), 4 * PAGE, READ, PRIVATE | FIXED, null, 0));
        assertEquals(page(4), space.mmap(page(4), 4 * PAGE, Protection.NONE, PRIVATE | FIXED, null, 0));
        mapPrivate(20, LIMIT - 6);
        assertEquals(Errno.ENOMEM.result(), space.mprotect(page(0), 8 * PAGE, READ_WRITE));
        assertEquals(LIMIT - 2, committed());
        assertEquals(Errno.ENOMEM.result(), space.mprotect(page(4), 3 * PAGE, READ_WRITE));
        assertEquals(LIMIT - 2, committed());
        assertEquals(0, space.mprotect(page(5), 2 * PAGE, READ_WRITE));
        assertEquals(LIMIT, committed());
        assertEquals(0, space.mprotect(page(0), 4 * PAGE, READ), "never written, so no longer promised");
        assertEquals(LIMIT - 4, committed());
    }

    @Test
    @DisplayName("the promise for a file mapping stays when it becomes read-only, and is not made twice")
    void protectionOfFile() {
        space.throwing().mmap(page(0), 6 * PAGE, READ_WRITE, MapFlags.PRIVATE | FIXED, OpenFiles.A, 0);
        assertEquals(0, space.mprotect(page(0), 3 * PAGE, READ));
        assertEquals(6, committed());
        assertEquals(0, space.mprotect(page(0), 6 * PAGE, READ_WRITE));
        assertEquals(6, committed());
    }

    @Test
    @DisplayName("brk beyond the limit leaves the heap and its charge")
    void heap() {
        assertEquals(HEAP + 30 * PAGE, space.brk(HEAP + 30 * PAGE));
        assertEquals(HEAP + 30 * PAGE, space.brk(HEAP + 41 * PAGE));
        assertEquals(30, committed());
        assertEquals(HEAP + 40 * PAGE, space.brk(HEAP + 40 * PAGE));
        assertEquals(HEAP + PAGE + 1, space.brk(HEAP + PAGE + 1));
        assertEquals(2, committed());
        assertEquals(HEAP, space.brk(HEAP));
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("a stack that may not be promised more does not grow")
    void stack() {
        int flags = PRIVATE | FIXED | MapFlags.GROWSDOWN;
        long bottom = page(300);
        assertEquals(bottom, space.mmap(bottom, PAGE, READ_WRITE, flags, null, 0));
        mapPrivate(0, LIMIT - 4);
        assertEquals(Errno.ENOMEM.result(), space.growStack(bottom - 3 * PAGE - 1));
        assertEquals(LIMIT - 3, committed());
        assertEquals(0, space.growStack(bottom - 3 * PAGE));
        assertEquals(LIMIT, committed());
    }

    @Test
    @DisplayName("mremap to a named place may use the charge of its old target")
    void moveOntoWhatIsCharged() {
        mapPrivate(0, 10);
        mapPrivate(20, 10);
        mapShared(40, 20);
        assertEquals(page(20), space.mremap(page(0), 10 * PAGE, 20 * PAGE, MOVE_TO, page(20)));
        assertEquals(LIMIT, committed());
        assertEquals(page(40), space.mremap(page(20), 20 * PAGE, LIMIT * PAGE, MOVE_TO, page(40)));
        assertEquals(LIMIT, committed(), "of the object was nothing left");
    }

    @Test
    @DisplayName("mremap to a named place gives the target back, even where it is refused then")
    void refusedMove() {
        mapPrivate(0, 10);
        mapPrivate(60, 20);
        mapShared(82, 10);
        assertEquals(Errno.ENOMEM.result(), space.mremap(page(0), 10 * PAGE, 30 * PAGE, MOVE_TO, page(90)));
        assertEquals(40, committed(), "part of a shared object is no less");
        assertEquals(Errno.ENOMEM.result(), space.mremap(page(0), 10 * PAGE, 45 * PAGE, MOVE_TO, page(60)));
        assertEquals(10, committed(), "the private target, and the last of the shared object");
        space.validate();
    }

    @Test
    @DisplayName("moves, splits, copies and growth of shared memory charge nothing")
    void sharedMemory() {
        mapShared(0, 20);
        assertEquals(0, space.mprotect(page(3), PAGE, READ));
        assertEquals(page(40), space.mremap(page(4), 4 * PAGE, 9 * PAGE, MOVE_TO, page(40)));
        assertEquals(page(60), space.mremap(page(40), 0, 9 * PAGE, MOVE_TO, page(60)));
        AddressSpace child = space.fork();
        spaces.add(child);
        assertEquals(20, committed());
        assertEquals(0, space.munmap(page(0), 80 * PAGE));
        assertEquals(0, child.munmap(page(0), 55 * PAGE));
        assertEquals(0, child.munmap(page(60), 8 * PAGE));
        assertEquals(20, committed(), "one page is left");
        assertEquals(0, child.munmap(page(68), PAGE));
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("a refused mmap of shared memory leaves a gap, and no charge of what it has removed")
    void refusedSharedMemory() {
        mapShared(0, 25);
        assertEquals(Errno.ENOMEM.result(), space.mmap(page(0), 25 * PAGE, READ, SHARED | FIXED, null, 0));
        assertEquals("", LayoutText.of(space));
        assertEquals(0, committed());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void fixedSeed(long seed) {
        run(seed);
    }

    @Test
    void freshSeed() {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        System.out.println("CommitAccountingTest: -Dsamara.seed=" + seed);
        run(seed);
    }

    private void run(long seed) {
        Random random = new Random(seed);
        for (int step = 0; step < STEPS; step++) {
            int which = random.nextInt(spaces.size());
            AddressSpace one = spaces.get(which);
            long before = committed();
            if (random.nextInt(20) == 0) {
                forkOrClose(random, one);
            } else {
                call(random, one);
            }
            assertEquals(held(), committed(), () -> "seed " + seed + ", after\n" + LayoutText.of(one));
            assertTrue(committed() <= Math.max(LIMIT, before), "over the limit");
            one.validate();
        }
    }

    private void forkOrClose(Random random, AddressSpace one) {
        if (spaces.size() == MOST_SPACES || (spaces.size() > 1 && random.nextBoolean())) {
            spaces.remove(one);
            one.close();
            return;
        }
        long before = committed();
        long copied = one.snapshot().vmas().stream()
                .filter(vma -> vma.has(VmaFlags.ACCOUNT) && !vma.has(VmaFlags.DONTCOPY))
                .mapToLong(vma -> vma.length() / PAGE)
                .sum();
        try {
            spaces.add(one.fork());
            assertTrue(before + copied <= LIMIT, "should have been refused");
        } catch (MmException refused) {
            assertSame(Errno.ENOMEM, refused.errno());
            assertTrue(before + copied > LIMIT, "should have been allowed");
            assertEquals(before, committed());
        }
    }

    private void call(Random random, AddressSpace one) {
        long address = page(random.nextInt(60));
        long length = (1 + random.nextInt(20)) * PAGE;
        int protection = random.nextInt(4);
        int flags = (random.nextBoolean() ? FIXED : 0) | (random.nextInt(3) == 0 ? MapFlags.NORESERVE : 0);
        switch (random.nextInt(9)) {
            case 0 -> one.mmap(address, length, protection, flags | PRIVATE, null, 0);
            case 1 -> one.mmap(address, length, protection, flags | MapFlags.PRIVATE, OpenFiles.A, 0);
            case 2 -> {
                long result = one.mmap(address, length, protection, flags | SHARED, null, 0);
                if (!Errno.isError(result)) {
                    Vma made = one.find(result);
                    assertNotNull(made);
                    objects.put(assertSharedObject(made), length / PAGE);
                }
            }
            case 3, 4 -> one.munmap(address, length);
            case 5 -> one.mprotect(address, length, protection);
            case 6 -> {
                long target = page(random.nextInt(60));
                int how = random.nextInt(3) == 0 ? MOVE_TO | RemapFlags.DONTUNMAP : random.nextInt(4);
                long newLength = random.nextBoolean() ? length : (1 + random.nextInt(20)) * PAGE;
                one.mremap(address, random.nextInt(8) == 0 ? 0 : length, newLength, how, target);
            }
            case 7 -> one.brk(HEAP + random.nextInt(20) * PAGE / 2);
            default -> one.madvise(address, length, random.nextBoolean() ? Advice.DONTFORK : Advice.DOFORK);
        }
    }

    private static Backing assertSharedObject(Vma vma) {
        Backing object = vma.backing();
        assertNotNull(object);
        assertEquals("/dev/zero (deleted)", object.name());
        return object;
    }

    /** Returns the number of pages that all spaces charge, according to their VMAs. */
    private long held() {
        long pages = 0;
        Map<Backing, Long> mapped = new HashMap<>();
        for (AddressSpace one : spaces) {
            for (Vma vma : one.snapshot().vmas()) {
                if (vma.has(VmaFlags.ACCOUNT)) {
                    pages += vma.length() / PAGE;
                }
                Backing backing = vma.backing();
                if (backing != null && objects.containsKey(backing)) {
                    mapped.put(backing, objects.get(backing));
                }
            }
        }
        objects.keySet().retainAll(mapped.keySet());
        return pages + mapped.values().stream().mapToLong(Long::longValue).sum();
    }

    @Test
    @DisplayName("Two spaces that map and unmap one object at the same time give it back once, in the end")
    void sharedByTwoThreads() throws Exception {
        mapShared(0, 20);
        AddressSpace child = space.fork();
        spaces.add(child);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (AddressSpace one : List.of(space, child)) {
                ends.add(threads.submit(() -> copyAndDrop(one)));
            }
            for (Future<?> end : ends) {
                end.get();
            }
        } finally {
            threads.shutdownNow();
        }
        assertEquals(0, space.munmap(page(0), 20 * PAGE));
        assertEquals(20, committed(), "the child has it still");
        assertEquals(0, child.munmap(page(0), 20 * PAGE));
        assertEquals(0, committed());
    }

    @ParameterizedTest
    @ValueSource(ints = {PRIVATE, SHARED})
    @DisplayName("A call within the limit is never refused, whatever another thread does within the limit")
    void fitsBesideAnother(int kind) throws Exception {
        AddressSpace other = machine.newSpace(GEOMETRY);
        spaces.add(other);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            Future<?> one = threads.submit(() -> mapAndDrop(space, kind));
            Future<?> another = threads.submit(() -> mapAndDrop(other, PRIVATE));
            one.get();
            another.get();
        } finally {
            threads.shutdownNow();
        }
        assertEquals(0, committed());
    }

    private static void mapAndDrop(AddressSpace one, int flags) {
        for (int round = 0; round < ROUNDS; round++) {
            assertEquals(page(0), one.mmap(page(0), LIMIT / 2 * PAGE, READ_WRITE, flags | FIXED, null, 0));
            assertEquals(0, one.munmap(page(0), LIMIT / 2 * PAGE));
        }
    }

    /** Repeatedly creates a second mapping of part of the object and unmaps it. */
    private static void copyAndDrop(AddressSpace one) {
        for (int round = 0; round < ROUNDS; round++) {
            assertEquals(page(30), one.mremap(page(0), 0, PAGE, MOVE_TO, page(30)));
            assertEquals(0, one.munmap(page(30), PAGE));
        }
    }
}
