// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.KernelTable;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.SealFlags;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Compares the modes of files in memory, and the seal of their execute bits, with a live kernel ({@code
 * seal_exec.table}).
 */
@DisplayName("the execute bits of a file in memory can be sealed")
final class SealExecTest {
    private static final KernelTable KERNEL = new KernelTable("seal_exec.table");
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int EXEC = SealFlags.SEAL_EXEC;
    private static final int READ = Protection.READ;
    private static final int RW = READ | Protection.WRITE;

    /** A machine with files of four pages, and a space. */
    private static final class Scene {
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

    private static List<DynamicTest> tests(String first, BiFunction<String[], Scene, String> answers) {
        return KERNEL.tests(first, words -> answers.apply(words, new Scene()));
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
            assertFalse(
                    Errno.isError(on.map(file, RW, words[1].equals("shared") ? MapFlags.SHARED : MapFlags.PRIVATE)));
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
                    on.map(file, RW, MapFlags.SHARED));
        });
    }

    @TestFactory
    @DisplayName("a mapping may be executable whatever the mode of its file is")
    List<DynamicTest> mapExec() {
        return tests("map-exec", (words, on) -> {
            long at = on.map(on.file(words[0]), READ | Protection.EXEC, MapFlags.PRIVATE);
            return KernelTable.answers(at, on.space.mprotect(at, PAGE, RW | Protection.EXEC));
        });
    }

    @Test
    @DisplayName("a file that cannot be sealed has a mode, too, whose bits above 07777 do not exist")
    void unsealable() {
        MemoryFile file = new Scene().file("none");
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
        Scene on = new Scene();
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
