// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.KernelTable;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

@DisplayName("Seals:")
final class SealsTest {
    /**
     * Compares seals of files in memory, and files that are open for writing only, with a live kernel ({@code
     * seals.table}).
     */
    @ExtendWith(OneThread.class)
    @DisplayName("seals of a file in memory")
    @Nested
    final class Seals {
        private static final KernelTable KERNEL = new KernelTable("seals.table");
        private static final long PAGE = SpaceFixture.PAGE;
        private static final long AT = 0x1000_0000L;
        private static final int READ = Mman.READ;
        private static final int RW = SpaceFixture.RW;
        private static final int SHARED = Mman.SHARED | Mman.FIXED;
        private static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

        private final SpaceFixture fixture = new SpaceFixture();

        /** A file of four pages, and calls on it. */
        private static final class Scene {
            final AddressSpace space;
            final MemoryFile file;

            Scene(SpaceFixture fixture, boolean canBeSealed) {
                space = fixture.space;
                file = canBeSealed
                        ? fixture.machine.newSealableFile("/memfd:x", 1, SpaceFixture.GEOMETRY, 4 * PAGE)
                        : fixture.machine.newFile("/memfd:x", 1, SpaceFixture.GEOMETRY, 4 * PAGE);
            }

            long map(int protection, int flags, Backing open) {
                return space.mmap(AT, 4 * PAGE, protection, flags, open, 0);
            }

            void mapShared() {
                assertEquals(AT, map(RW, SHARED, file.open()));
            }

            long unmap(long page, long pages) {
                return space.munmap(AT + page * PAGE, pages * PAGE);
            }

            long write(long offset, int length) {
                return file.pwrite(new byte[length], 0, length, offset);
            }
        }

        @AfterEach
        void end() {
            fixture.close();
        }

        private List<DynamicTest> tests(String first, BiFunction<String[], Scene, String> answers) {
            return KERNEL.tests(first, words -> {
                try (SpaceFixture own = new SpaceFixture()) {
                    Scene on = new Scene(own, !words[0].startsWith("not-allowed"));
                    String answer = answers.apply(words, on);
                    on.space.munmap(AT, 256 * PAGE);
                    return answer;
                }
            });
        }

        private static int bits(String word) {
            return Integer.parseInt(word, 16);
        }

        @TestFactory
        @DisplayName("F_ADD_SEALS: unknown seals, those of a file that cannot be sealed or has SEAL")
        List<DynamicTest> add() {
            return tests("add", (words, on) -> {
                MemoryFile file = on.file;
                long first = file.addSeals(
                        switch (words[0]) {
                            case "unknown", "not-allowed-unknown" -> 0x40;
                            case "twice" -> Mman.SEAL_SHRINK;
                            case "not-allowed" -> Mman.SEAL_GROW;
                            default -> Mman.SEAL_SEAL;
                        });
                if (words[0].startsWith("not-allowed") || words[0].equals("unknown")) {
                    return KernelTable.answers(first, file.seals());
                }
                long second = file.addSeals(
                        switch (words[0]) {
                            case "sealed", "twice" -> Mman.SEAL_GROW;
                            case "sealed-same" -> Mman.SEAL_SEAL;
                            default -> 0;
                        });
                return KernelTable.answers(first, second, file.seals());
            });
        }

        @TestFactory
        @DisplayName("F_ADD_SEALS: all sets of seals")
        List<DynamicTest> adds() {
            return tests("adds", (words, on) -> {
                long added = on.file.addSeals(bits(words[0]));
                return KernelTable.answers(added, on.file.seals());
            });
        }

        @TestFactory
        @DisplayName("F_SEAL_WRITE is EBUSY while a shared mapping exists that may be written, now or later")
        List<DynamicTest> busy() {
            return tests("busy", (words, on) -> {
                int type = (words[1].equals("shared") ? Mman.SHARED : Mman.PRIVATE) | Mman.FIXED;
                Backing open = words[2].equals("readonly") ? on.file.openReadOnly() : on.file.open();
                assertEquals(AT, on.map(bits(words[0]), type, open));
                long first = on.file.addSeals(Mman.SEAL_WRITE);
                return KernelTable.answers(first, on.file.addSeals(Mman.SEAL_FUTURE_WRITE), on.file.seals());
            });
        }

        @TestFactory
        @DisplayName("the mappings of a file count in parts, at other places and in children")
        List<DynamicTest> counts() {
            return tests("busy-steps", (words, on) -> {
                on.mapShared();
                MemoryFile file = on.file;
                AddressSpace space = on.space;
                int write = Mman.SEAL_WRITE;
                switch (words[0]) {
                    case "part" -> {
                        long first = file.addSeals(write);
                        on.unmap(0, 1);
                        long second = file.addSeals(write);
                        on.unmap(0, 4);
                        return KernelTable.answers(first, second, file.addSeals(write));
                    }
                    case "protected" -> {
                        assertEquals(0, space.mprotect(AT, 4 * PAGE, READ));
                        return KernelTable.answers(file.addSeals(write));
                    }
                    case "nothing-added" -> {
                        return KernelTable.answers(file.addSeals(write | Mman.SEAL_SHRINK), file.seals());
                    }
                    case "split" -> {
                        assertEquals(0, space.mprotect(AT, PAGE, READ));
                        on.unmap(1, 3);
                        long first = file.addSeals(write);
                        on.unmap(0, 1);
                        return KernelTable.answers(first, file.addSeals(write));
                    }
                    case "moved" -> {
                        assertEquals(AT + 64 * PAGE, space.mremap(AT, PAGE, PAGE, MOVE, AT + 64 * PAGE));
                        on.unmap(0, 4);
                        long first = file.addSeals(write);
                        on.unmap(64, 1);
                        return KernelTable.answers(first, file.addSeals(write));
                    }
                    case "child" -> {
                        long first;
                        try (AddressSpace child = space.fork()) {
                            assertEquals(1, child.usage().maps());
                            on.unmap(0, 4);
                            first = file.addSeals(write);
                        }
                        return KernelTable.answers(first, file.addSeals(write));
                    }
                    default -> throw new AssertionError(words[0]);
                }
            });
        }

        @TestFactory
        @DisplayName("mmap of a sealed file, then mprotect and MADV_REMOVE")
        List<DynamicTest> mmap() {
            return tests("mmap", (words, on) -> {
                assertEquals(0, on.file.addSeals(bits(words[0])));
                int type = (words[2].equals("shared") ? Mman.SHARED : Mman.PRIVATE) | Mman.FIXED;
                long mapped = on.space.mmap(AT, PAGE, bits(words[1]), type, on.file.open(), 0);
                if (Errno.isError(mapped)) {
                    return KernelTable.answers(mapped);
                }
                long removed = on.space.madvise(AT, PAGE, Mman.REMOVE);
                return KernelTable.answers(mapped, on.space.mprotect(AT, PAGE, RW), removed);
            });
        }

        @TestFactory
        @DisplayName("pwrite into the file, behind its end, across its end, and of nothing")
        List<DynamicTest> writes() {
            return tests("file", (words, on) -> {
                assertEquals(0, on.file.addSeals(bits(words[0])));
                return KernelTable.answers(
                        on.write(0, 1), on.write(4 * PAGE, 1), on.write(5 * PAGE - 1, 2), on.write(8 * PAGE, 0));
            });
        }

        @TestFactory
        @DisplayName("pwrite across the end of a file that must not grow writes up to the end")
        List<DynamicTest> writesAcross() {
            return tests("write-across", (words, on) -> {
                assertEquals(0, on.file.addSeals(Mman.SEAL_GROW));
                int page = (int) PAGE;
                return words[0].equals("grow")
                        ? KernelTable.answersUnchanged(on.write(3 * PAGE, 2 * page), on.write(4 * PAGE, page))
                        : KernelTable.answersUnchanged(on.write(3 * PAGE + 100, 2 * page));
            });
        }

        @TestFactory
        @DisplayName("changes of the size: none, larger, smaller, negative")
        List<DynamicTest> sizes() {
            return tests("size", (words, on) -> {
                assertEquals(0, on.file.addSeals(bits(words[0])));
                long equal = on.file.truncate(4 * PAGE);
                long larger = on.file.truncate(8 * PAGE);
                // The kernel made the row's third call on another file of 4 pages, so that the call shrank the file in
                // each
                // case.
                return KernelTable.answers(equal, larger, on.file.truncate(PAGE), on.file.truncate(-1));
            });
        }

        @TestFactory
        @DisplayName("holes: in the file, behind its end, of nothing, before the file")
        List<DynamicTest> holes() {
            return tests("punch", (words, on) -> {
                MemoryFile file = on.file;
                assertEquals(0, file.addSeals(bits(words[0])));
                return KernelTable.answers(
                        file.punch(0, PAGE), file.punch(5 * PAGE, PAGE), file.punch(0, 0), file.punch(-1, PAGE));
            });
        }

        @TestFactory
        @DisplayName("FUTURE_WRITE leaves the mappings that exist as they are")
        List<DynamicTest> future() {
            return tests("future", (words, on) -> {
                on.mapShared();
                AddressSpace space = on.space;
                long first = on.file.addSeals(Mman.SEAL_FUTURE_WRITE);
                switch (words[0]) {
                    case "existing" -> {
                        long narrowed = space.mprotect(AT, PAGE, READ);
                        return KernelTable.answers(first, narrowed, space.mprotect(AT, PAGE, RW));
                    }
                    case "remap" -> {
                        return KernelTable.answers(first, space.remapFilePages(AT, PAGE, 0, 2, 0));
                    }
                    case "mremap" -> {
                        return KernelTable.answers(first, space.mremap(AT, PAGE, PAGE, MOVE, AT + 64 * PAGE));
                    }
                    case "remove" -> {
                        return KernelTable.answers(first, space.madvise(AT, PAGE, Mman.REMOVE));
                    }
                    default -> {
                        long second = on.file.addSeals(Mman.SEAL_WRITE);
                        on.unmap(0, 4);
                        int before = on.file.seals();
                        return KernelTable.answers(first, second, on.file.addSeals(Mman.SEAL_WRITE), before);
                    }
                }
            });
        }

        @TestFactory
        @DisplayName("WRITE beside a private mapping and an open for reading")
        List<DynamicTest> write() {
            return tests("write", (words, on) -> {
                boolean isPrivate = words[0].equals("private");
                if (isPrivate) {
                    assertEquals(AT, on.map(RW, Mman.PRIVATE | Mman.FIXED, on.file.open()));
                }
                long first = on.file.addSeals(Mman.SEAL_WRITE);
                if (isPrivate) {
                    return KernelTable.answers(first, on.space.madvise(AT, PAGE, Mman.REMOVE));
                }
                Backing readOnly = on.file.openReadOnly();
                long mapped = on.map(READ, SHARED, readOnly);
                long again = on.map(RW, SHARED, readOnly);
                return KernelTable.answers(first, mapped, on.space.mprotect(AT, PAGE, RW), again);
            });
        }

        @TestFactory
        @DisplayName("the place of EPERM among the errors of mmap")
        List<DynamicTest> order() {
            return tests("order", (words, on) -> {
                assertEquals(0, on.file.addSeals(Mman.SEAL_WRITE));
                Backing open = on.file.open();
                long result = switch (words[0]) {
                    case "growsdown" -> on.map(RW, SHARED | Mman.GROWSDOWN, open);
                    case "mdwe" -> {
                        assertEquals(0, on.space.setMdwe(Mman.REFUSE_EXEC_GAIN));
                        yield on.map(RW | Mman.EXEC, SHARED, open);
                    }
                    case "validate" -> on.map(RW, Mman.SHARED_VALIDATE | Mman.FIXED | 0x200000, open);
                    default -> on.map(RW, SHARED, open);
                };
                return KernelTable.answers(result);
            });
        }

        @TestFactory
        @DisplayName("an open for writing only cannot be mapped in any way")
        List<DynamicTest> writeOnly() {
            return tests("writeonly", (words, on) -> {
                int type = switch (words[1]) {
                    case "shared" -> Mman.SHARED;
                    case "private" -> Mman.PRIVATE;
                    default -> Mman.SHARED_VALIDATE;
                };
                return KernelTable.answers(on.map(bits(words[0]), type | Mman.FIXED, on.file.openWriteOnly()));
            });
        }

        @TestFactory
        @DisplayName("an open for writing only: EACCES precedes the others")
        List<DynamicTest> writeOnlyOrder() {
            return tests("writeonly-order", (words, on) -> {
                boolean isSealed = words[0].equals("write-sealed");
                if (isSealed) {
                    assertEquals(0, on.file.addSeals(Mman.SEAL_WRITE));
                }
                int flags = isSealed ? SHARED : SHARED | Mman.GROWSDOWN;
                return KernelTable.answers(on.map(isSealed ? RW : READ, flags, on.file.openWriteOnly()));
            });
        }

        @Test
        @DisplayName("WRITE that the file has already is no error, alone or with another one")
        void writeAgain() {
            Scene on = new Scene(fixture, true);
            int write = Mman.SEAL_WRITE;
            assertEquals(0, on.file.addSeals(write));
            assertEquals(0, on.file.addSeals(write));
            assertEquals(0, on.file.addSeals(write | Mman.SEAL_SHRINK));
            assertEquals(write | Mman.SEAL_SHRINK, on.file.seals());
        }

        @Test
        @DisplayName("WRITE is EBUSY while a page is pinned, also after its mapping is gone")
        void pins() {
            Scene on = new Scene(fixture, true);
            on.mapShared();
            PinnedFrame pinned = fixture.pin(AT, Mman.WRITE);
            on.unmap(0, 4);
            assertEquals(Errno.EBUSY.result(), on.file.addSeals(Mman.SEAL_WRITE));
            assertEquals(AT, on.map(RW, SHARED, on.file.open()), "the refused seal denies nothing");
            on.unmap(0, 4);
            pinned.close();
            assertEquals(0, on.file.addSeals(Mman.SEAL_WRITE));
            assertEquals(Errno.EPERM.result(), on.map(RW, SHARED, on.file.open()));
        }

        @Test
        @DisplayName("the end of the file frees its memory, whatever seals it has")
        void close() {
            Scene on = new Scene(fixture, true);
            assertEquals(8, on.write(0, 8));
            assertEquals(0, on.file.addSeals(Mman.SEAL_SHRINK | Mman.SEAL_WRITE));
            on.file.close();
            assertEquals(0, on.file.size());
        }

        /** The lock of a child's layout, which runs an action before it is first acquired. */
        private static final class ChildLock extends ReentrantLock {
            private static final long serialVersionUID = 1L;

            private final transient AtomicReference<@Nullable Runnable> before;

            ChildLock(AtomicReference<@Nullable Runnable> before) {
                this.before = before;
            }

            @Override
            public void lock() {
                Runnable step = before.getAndSet(null);
                if (step != null) {
                    step.run();
                }
                super.lock();
            }
        }

        @Test
        @DisplayName("a seal against writes finds the mapping of a child before the child has it")
        void sealBesideFork() {
            AtomicReference<@Nullable Runnable> beforeChild = new AtomicReference<>();
            boolean[] isChild = {false};
            MachineBuilder builder = Machine.builder().memory(1 << 22);
            try (SpaceFixture own = new SpaceFixture(
                    builder,
                    machine -> MachineInternals.withLocks(
                            machine, () -> isChild[0] ? new ChildLock(beforeChild) : new ReentrantLock()))) {
                Scene on = new Scene(own, true);
                on.mapShared();
                own.store(AT, 1);
                long[] results = {1, 1};
                isChild[0] = true;
                beforeChild.set(() -> {
                    // The pages are copied. The parent's mapping is removed before the child's exists.
                    results[0] = on.unmap(0, 4);
                    results[1] = on.file.addSeals(Mman.SEAL_WRITE);
                });
                try (AddressSpace child = on.space.fork()) {
                    assertEquals(0, results[0]);
                    assertEquals(Errno.EBUSY.result(), results[1]);
                    assertEquals(1, child.usage().maps());
                    assertEquals(Errno.EBUSY.result(), on.file.addSeals(Mman.SEAL_WRITE));
                }
                assertEquals(0, on.file.addSeals(Mman.SEAL_WRITE));
            }
        }

        @Test
        @DisplayName("a seal against writes and a writable mapping by another thread never both succeed")
        void sealBesideMmap() throws Exception {
            ExecutorService threads = Executors.newSingleThreadExecutor();
            CyclicBarrier start = new CyclicBarrier(2);
            try {
                for (int round = 0; round < 3000; round++) {
                    Scene on = new Scene(fixture, true);
                    Future<Long> sealed = threads.submit(() -> {
                        start.await();
                        return on.file.addSeals(Mman.SEAL_WRITE);
                    });
                    start.await();
                    boolean isMapped = !Errno.isError(on.map(RW, SHARED, on.file.open()));
                    boolean isSealed = sealed.get() == 0;
                    assertFalse(isMapped && isSealed, "a sealed file is mapped writable");
                    on.unmap(0, 4);
                }
            } finally {
                threads.shutdownNow();
            }
        }
    }

    /**
     * Compares the modes of files in memory, and the seal of their execute bits, with a live kernel ({@code
     * seal_exec.table}).
     */
    @DisplayName("the execute bits of a file in memory can be sealed")
    @Nested
    final class SealExecTest {
        private static final KernelTable KERNEL = new KernelTable("seal_exec.table");
        private static final Geometry LINUX = Geometry.LINUX_X86_64;
        private static final long PAGE = LINUX.pageSize();
        private static final int EXEC = Mman.SEAL_EXEC;
        private static final int READ = Mman.READ;
        private static final int RW = READ | Mman.WRITE;

        /** A machine with files of four pages, and a space. */
        private static final class ExecScene {
            final Machine machine = Machine.builder().memory(1 << 22).build();
            final AddressSpace space = machine.newSpace(LINUX);

            MemoryFile file(String kind) {
                return switch (kind) {
                    case "none" -> machine.newFile("/memfd:x", 1, LINUX, 4 * PAGE);
                    case "noexec" -> machine.newNoexecFile("/memfd:x", 1, LINUX, 4 * PAGE);
                    default -> machine.newSealableFile("/memfd:x", 1, LINUX, 4 * PAGE);
                };
            }

            MemoryFile ofMode(int mode) {
                MemoryFile file = file("allow");
                assertEquals(0, file.changeMode(mode));
                return file;
            }

            long map(MemoryFile file, int protection, int type) {
                return space.mmap(0, PAGE, protection, type, file.open(), 0);
            }
        }

        private static List<DynamicTest> tests(String first, BiFunction<String[], ExecScene, String> answers) {
            return KERNEL.tests(first, words -> answers.apply(words, new ExecScene()));
        }

        private static int octal(String word) {
            return Integer.parseInt(word, 8);
        }

        private static String withMode(MemoryFile file, long... answers) {
            return KernelTable.answers(answers) + ' ' + Integer.toOctalString(file.mode());
        }

        @TestFactory
        @DisplayName("a new file: its seals and its mode")
        List<DynamicTest> create() {
            return tests("create", (words, on) -> {
                MemoryFile file = on.file(words[0]);
                return withMode(file, file.seals());
            });
        }

        @TestFactory
        @DisplayName("F_ADD_SEALS: all sets with EXEC, after others")
        List<DynamicTest> add() {
            return tests("add", (words, on) -> {
                MemoryFile file = on.file(words[0]);
                if (!words[1].equals("0")) {
                    assertEquals(0, file.addSeals(Integer.parseInt(words[1], 16)));
                }
                return KernelTable.answers(file.addSeals(Integer.parseInt(words[2], 16)), file.seals());
            });
        }

        @TestFactory
        @DisplayName("EXEC adds the seals against changes if an execute bit is set, whosever it is")
        List<DynamicTest> mode() {
            return tests("mode", (words, on) -> {
                MemoryFile file = on.file("allow");
                return KernelTable.answers(file.changeMode(octal(words[0])), file.addSeals(EXEC), file.seals());
            });
        }

        @TestFactory
        @DisplayName("a sealed mode: the execute bits stay, the others may change")
        List<DynamicTest> chmod() {
            return tests("chmod", (words, on) -> {
                MemoryFile file = on.ofMode(octal(words[0]));
                assertEquals(0, file.addSeals(EXEC));
                return withMode(file, file.changeMode(octal(words[1])));
            });
        }

        @TestFactory
        @DisplayName("the mode of a file that is never executable")
        List<DynamicTest> chmodNoexec() {
            return tests("chmod-noexec", (words, on) -> {
                MemoryFile file = on.file("noexec");
                return withMode(file, file.changeMode(octal(words[0])));
            });
        }

        @TestFactory
        @DisplayName("EXEC of an executable file is EBUSY beside a mapping that may be written")
        List<DynamicTest> busy() {
            return tests("busy", (words, on) -> {
                MemoryFile file = on.file(words[0]);
                assertFalse(Errno.isError(on.map(file, RW, words[1].equals("shared") ? Mman.SHARED : Mman.PRIVATE)));
                if (words[2].equals("chmod")) {
                    assertEquals(0, file.changeMode(octal("666")));
                }
                return KernelTable.answers(file.addSeals(EXEC), file.seals());
            });
        }

        @TestFactory
        @DisplayName("an executable file with EXEC does not change any more, another one does")
        List<DynamicTest> effects() {
            return tests("effects", (words, on) -> {
                MemoryFile file = on.ofMode(octal(words[0].equals("plain") ? "666" : "777"));
                assertEquals(0, file.addSeals(EXEC));
                return KernelTable.answers(
                        file.pwrite(new byte[1], 0, 1, 0),
                        file.truncate(PAGE),
                        file.truncate(8 * PAGE),
                        file.punch(0, PAGE),
                        on.map(file, RW, Mman.SHARED));
            });
        }

        @TestFactory
        @DisplayName("a mapping may be executable whatever the mode of its file is")
        List<DynamicTest> mapExec() {
            return tests("map-exec", (words, on) -> {
                long at = on.map(on.file(words[0]), READ | Mman.EXEC, Mman.PRIVATE);
                return KernelTable.answers(at, on.space.mprotect(at, PAGE, RW | Mman.EXEC));
            });
        }

        @Test
        @DisplayName("a file that cannot be sealed has a mode, too, whose bits above 07777 do not exist")
        void unsealable() {
            MemoryFile file = new ExecScene().file("none");
            assertEquals(octal("777"), file.mode());
            assertEquals(0, file.changeMode(octal("107640")));
            assertEquals(octal("7640"), file.mode());
            assertEquals(0, file.changeMode(octal("777")));
            assertEquals(Errno.EPERM.result(), file.addSeals(EXEC));
        }

        @Test
        @DisplayName("a size that is negative is refused")
        void negative() {
            Machine machine = Machine.builder().memory(1 << 20).build();
            String refusal = assertThrows(
                            IllegalArgumentException.class, () -> machine.newNoexecFile("/memfd:x", 1, LINUX, -1))
                    .getMessage();
            assertEquals("bytes -1 is negative", refusal);
        }

        @Test
        @DisplayName("a seal beside a change of the mode: the seal is of the mode that stays")
        void beside() throws Exception {
            ExecScene on = new ExecScene();
            ExecutorService threads = Executors.newSingleThreadExecutor();
            CyclicBarrier start = new CyclicBarrier(2);
            try {
                for (int round = 0; round < 3000; round++) {
                    MemoryFile file = on.file("allow");
                    Future<Long> changed = threads.submit(() -> {
                        start.await();
                        return file.changeMode(octal("666"));
                    });
                    start.await();
                    assertEquals(0, file.addSeals(EXEC));
                    boolean isPlain = changed.get() == 0;
                    assertEquals(octal(isPlain ? "666" : "777"), file.mode());
                    assertEquals(isPlain ? EXEC : EXEC | 30, file.seals());
                }
            } finally {
                threads.shutdownNow();
            }
        }
    }
}
