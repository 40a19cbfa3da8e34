// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageScan;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PagemapFlags;
import dev.samara.core.vma.Vma;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Makes shared state unusable: another thread holds each lock, and the VMAs have the maximum number of references, so
 * one more is refused. A call that still succeeds needs no lock and no reference.
 */
@ExtendWith(OneThread.class)
@DisplayName("I7 the fast path of a fault")
final class FastPathTest {
    private static final int MOST_REFERENCES = (1 << 30) - 2;
    private static final long PLACE = 0x4000_0000L;

    private final List<ReentrantLock> layoutLocks = new ArrayList<>();

    private final SpaceFixture fixture = new SpaceFixture(
            Machine.builder().memory(1L << 26), machine -> MachineInternals.withLocks(machine, this::layoutLock));

    private ReentrantLock layoutLock() {
        ReentrantLock lock = new ReentrantLock();
        layoutLocks.add(lock);
        return lock;
    }

    /** Returns a class's instance fields of a type, whatever their names. */
    private static List<Field> fields(Class<?> of, Class<?> type) {
        List<Field> found = Stream.of(of.getDeclaredFields())
                .filter(field -> !Modifier.isStatic(field.getModifiers()) && field.getType() == type)
                .toList();
        assertFalse(found.isEmpty(), () -> "no " + type.getSimpleName() + " in " + of);
        found.forEach(field -> field.setAccessible(true));
        return found;
    }

    /** Returns the field that counts a VMA's references. */
    private static Field word() {
        List<Field> numbers = fields(VmArea.class, int.class);
        assertEquals(1, numbers.size(), numbers::toString);
        return numbers.get(0);
    }

    /** Returns all locks of the frames, the grace periods and the file, and all layout locks. */
    private List<ReentrantLock> locks(FilePages file) throws IllegalAccessException {
        MachineMemory memory = fixture.layout().memory();
        Set<ReentrantLock> all = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Object owner : List.of(memory.frames, memory.rcu, file)) {
            int before = all.size();
            addLocks(owner, all, Collections.newSetFromMap(new IdentityHashMap<>()));
            assertTrue(all.size() > before, () -> "no lock in " + owner.getClass());
        }
        all.addAll(layoutLocks);
        return List.copyOf(all);
    }

    /** Adds the locks of an object and of its parts: the objects in its fields whose types are in its package. */
    private static void addLocks(Object owner, Set<ReentrantLock> all, Set<Object> visited)
            throws IllegalAccessException {
        if (!visited.add(owner)) {
            return;
        }
        for (Field field : owner.getClass().getDeclaredFields()) {
            boolean isPart =
                    field.getType().getPackageName().equals(owner.getClass().getPackageName());
            boolean isLock = field.getType() == ReentrantLock.class;
            if (Modifier.isStatic(field.getModifiers())
                    || !(isLock || isPart)
                    || field.getType().isArray()) {
                continue;
            }
            field.setAccessible(true);
            Object value = field.get(owner);
            if (value instanceof ReentrantLock lock) {
                all.add(lock);
            } else if (value != null) {
                addLocks(value, all, visited);
            }
        }
    }

    private Vma vma(long address) {
        return Objects.requireNonNull(fixture.space.find(address));
    }

    private static FilePages pages(Vma vma) {
        BackingTraits traits = Objects.requireNonNull(VmArea.of(vma).traits);
        return (FilePages) Objects.requireNonNull(traits.pageCache());
    }

    /** Runs an action on another thread with its own CPU, after a preparation, while this thread holds every lock. */
    private <T> T besideHeldLocks(FilePages file, List<Vma> vmas, Callback<T> prepare, Callback<T> run)
            throws ReflectiveOperationException, InterruptedException, ExecutionException {
        ExecutorService other = Executors.newSingleThreadExecutor();
        List<ReentrantLock> locks = locks(file);
        Field word = word();
        try {
            Cpu cpu = other.submit((Callable<Cpu>) () -> {
                        Cpu claimed = fixture.machine.claimCpu();
                        claimed.switchTo(fixture.space);
                        prepare.call(claimed);
                        return claimed;
                    })
                    .get();
            for (Vma vma : vmas) {
                word.setInt(vma, MOST_REFERENCES);
            }
            locks.forEach(ReentrantLock::lock);
            T result;
            try {
                result = other.submit(() -> run.call(cpu)).get();
            } finally {
                locks.forEach(ReentrantLock::unlock);
            }
            for (Vma vma : vmas) {
                assertEquals(MOST_REFERENCES, word.getInt(vma));
                word.setInt(vma, 0);
            }
            other.submit(cpu::close).get();
            return result;
        } finally {
            other.shutdownNow();
        }
    }

    /** An action with a CPU. */
    private interface Callback<T> {
        T call(Cpu cpu);
    }

    @Test
    @DisplayName("takes no lock and no reference, with windows of sixteen pages and of one, and at a first access")
    void takesNothing() throws Exception {
        MemoryFile file = fixture.file(64);
        long wide = fixture.map(PLACE, 64, READ, Mman.SHARED | Mman.FIXED, file.open(), 0);
        long narrow = fixture.map(PLACE + (1 << 20), 1, RW, Mman.SHARED | Mman.FIXED, file.open(), 40);
        long anonymous = fixture.map(PLACE + (2 << 20), 64, RW, ANONYMOUS | Mman.FIXED, null, 0);
        List<Vma> vmas = List.of(vma(wide), vma(narrow), vma(anonymous));
        long faults = besideHeldLocks(
                pages(vma(wide)),
                vmas,
                cpu -> {
                    // Creates the tables, the anon_vma, a magazine with frames and the entry of the zero page.
                    cpu.memory().handleFault(anonymous, WRITE);
                    cpu.memory().handleFault(anonymous + PAGE, READ);
                    return 0L;
                },
                cpu -> {
                    long done = 0;
                    for (int page = 0; page < 64; page += 16) {
                        done += cpu.memory().handleFault(wide + page * PAGE, READ) == Fault.NONE ? 1 : 0;
                    }
                    done += cpu.memory().handleFault(narrow, WRITE) == Fault.NONE ? 1 : 0;
                    for (int page = 2; page < 22; page++) {
                        done += cpu.memory().handleFault(anonymous + page * PAGE, WRITE) == Fault.NONE ? 1 : 0;
                        done += cpu.memory().handleFault(anonymous + (page + 30) * PAGE, READ) == Fault.NONE ? 1 : 0;
                    }
                    return done;
                });
        assertEquals(4 + 1 + 40, faults);
        assertEquals(64, fixture.mapped(wide, 64));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("takes no reference where it makes a page of zeros of a file in memory, or of shared anonymous memory")
    void pagesOfZeros() throws Exception {
        MemoryFile file = fixture.machine.newFile("/zeros", 7, SpaceFixture.GEOMETRY, 4 * PAGE);
        long ofFile = fixture.map(PLACE, 8, RW, Mman.SHARED | Mman.FIXED, file.open(), 0);
        long shared = fixture.map(PLACE + (1 << 20), 4, RW, Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED, null, 0);
        Field word = word();
        for (long at : List.of(ofFile, shared)) {
            word.setInt(vma(at), MOST_REFERENCES);
            assertFault(Fault.NONE, fixture.memory.handleFault(at + PAGE, READ));
            assertFault(Fault.NONE, fixture.memory.handleFault(at + 2 * PAGE, WRITE));
            assertEquals(2, fixture.mapped(at, 4));
            word.setInt(vma(at), 0);
        }
        assertFault(Fault.ADRERR, fixture.memory.handleFault(ofFile + 4 * PAGE, READ));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("does not ask a backing to fetch a page: that takes a reference, so it is refused here")
    void backingFaultTakesAReference() throws Exception {
        PagedFile file = new PagedFile(fixture, 4);
        long at = fixture.map(PLACE, 4, READ, Mman.SHARED | Mman.FIXED, file, 0);
        Field word = word();
        word.setInt(vma(at), MOST_REFERENCES);
        assertThrows(IllegalStateException.class, () -> fixture.memory.handleFault(at, READ));
        word.setInt(vma(at), 0);
        fixture.majorFault(at, READ);
        file.cache.truncate(0);
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a question about pages allocates nothing")
    void pagemap() {
        long at = fixture.anonymous(64);
        for (int i = 0; i < 64; i += 2) {
            assertEquals(Fault.NONE, fixture.memory.store(at + i * PAGE, 8, i));
        }
        PageScan scan = new PageScan().range(at, at + 64 * PAGE).all(PagemapFlags.PRESENT);
        long[] regions = new long[3 * 64];
        AllocatedBytes.assertNone(call -> assertEquals(32, fixture.space.pagemapScan(scan, regions)));
        AllocatedBytes.assertNone(call -> assertEquals(64, fixture.space.pagemap(at, 64 * PAGE, regions)));
    }

    /** Faults pages in repeatedly, and in between removes them from the page table as if they had never been mapped. */
    private void assertAllocatesNothing(long start, int pages, int access) {
        Layout layout = fixture.layout();
        MachineMemory memory = layout.memory();
        PageTableContext context = memory.contexts.newContext("test");
        Faulter faulter = new Faulter(layout, context);
        long[] leaf = layout.pages().leafFromReserve(start, TableReserve.NONE);
        int first = layout.pages().indexOf(start);
        AllocatedBytes.assertNone(call -> {
            if (faulter.fault(start, access) != Fault.NONE) {
                throw new AssertionError("a fault failed");
            }
            for (int page = 0; page < pages; page++) {
                long pte = Leaf.getAndSet(leaf, first + page, Pte.NONE);
                if (Pte.isOwn(pte)) {
                    memory.frames.drop(Pte.frame(pte), context.magazine);
                }
            }
        });
        memory.contexts.discard(context);
    }

    @Test
    @DisplayName("allocates nothing on the heap")
    void allocatesNothing() throws InterruptedException {
        MemoryFile file = fixture.file(16);
        long wide = fixture.map(PLACE, 16, READ, Mman.SHARED | Mman.FIXED, file.open(), 0);
        long narrow = fixture.map(PLACE + (1 << 20), 1, RW, Mman.SHARED | Mman.FIXED, file.open(), 0);
        long anonymous = fixture.map(PLACE + (2 << 20), 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        AllocatedBytes.now();
        assertAllocatesNothing(wide, 16, READ);
        assertAllocatesNothing(narrow, 1, WRITE);
        assertAllocatesNothing(anonymous, 1, READ);
        assertAllocatesNothing(anonymous, 1, WRITE);
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("no kind of access to mapped memory allocates")
    void accessesAllocateNothing() throws InterruptedException {
        long at = fixture.anonymous(2);
        byte[] bytes = new byte[64];
        AllocatedBytes.assertNone(i -> {
            fixture.memory.store(at + i % 4000, 8, i);
            fixture.memory.load(at + PAGE - 3, 8);
            fixture.memory.getAndAdd(at + 8, 8, 1);
            fixture.memory.compareAndSet(at + 16, 4, 1, 2);
            fixture.memory.copyOut(at + PAGE - 30, bytes, 0, bytes.length);
            fixture.memory.load(0, 8);
        });
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a page that is discarded allocates no more if more pages are discarded with it")
    void discarding() {
        int pages = 1024;
        long at = fixture.map(PLACE, pages, RW, ANONYMOUS | Mman.FIXED, null, 0);
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            for (int page = 0; page < pages; page++) {
                assertFault(Fault.NONE, fixture.memory.handleFault(at + page * PAGE, WRITE));
            }
            long before = AllocatedBytes.now();
            fixture.space.madvise(at, pages * PAGE, Mman.DONTNEED);
            least = Math.min(least, AllocatedBytes.now() - before);
        }
        assertTrue(least < pages * 128L, "bytes: " + least);
        fixture.closeEmpty();
    }
}
