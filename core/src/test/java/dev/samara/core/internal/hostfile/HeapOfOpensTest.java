// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.vma.Geometry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The heap that an open file of the host needs before its first page is read")
final class HeapOfOpensTest {
    private static final String VERDICT = "bytes of heap per open, as expected";

    @Test
    @DisplayName("is at most 2 KiB")
    void bounded(@TempDir Path folder) throws Exception {
        // Of its own, because other threads of this JVM allocate concurrently.
        List<String> options = List.of("-XX:+UseSerialGC", "-Xmx256m", "-Dsamara.checked=false");
        ChildJvm.run(HeapOfOpens.class, VERDICT, options, folder.toString());
    }

    static final class HeapOfOpens {
        private static final int WARM = 200;
        private static final int ROUNDS = 4;
        private static final int OPENS = 1000;
        private static final long MOST = 2048;
        private static final int COLLECTIONS = 8;

        private HeapOfOpens() {}

        public static void main(String[] arguments) throws Exception {
            Path folder = Path.of(arguments[0]);
            Path[] paths = new Path[WARM + ROUNDS * OPENS];
            for (int i = 0; i < paths.length; i++) {
                paths[i] = Files.write(folder.resolve("f" + i), new byte[100]);
            }
            HostFile[] files = new HostFile[paths.length];
            Machine machine = Machine.builder().memory(16 << 20).build();
            open(machine, paths, files, 0, WARM);
            long bytes = Long.MAX_VALUE;
            for (int first = WARM; first < paths.length; first += OPENS) {
                // The least of several, because the JDK also allocates what does not belong to an open.
                long before = used();
                open(machine, paths, files, first, first + OPENS);
                bytes = Math.min(bytes, (used() - before) / OPENS);
            }
            for (HostFile file : files) {
                file.close();
            }
            machine.close();
            System.out.println(bytes + (bytes <= MOST && bytes > 0 ? " " + VERDICT : " bytes of heap per open"));
        }

        private static void open(Machine machine, Path[] paths, HostFile[] files, int first, int end) {
            for (int i = first; i < end; i++) {
                files[i] = machine.openFile(paths[i], Geometry.LINUX_X86_64, StandardOpenOption.READ);
            }
        }

        /** Returns the bytes of the objects that are still reachable. */
        private static long used() {
            Runtime runtime = Runtime.getRuntime();
            long least = Long.MAX_VALUE;
            // Several collections, because references that the JDK has not processed yet keep objects for the next one.
            for (int i = 0; i < COLLECTIONS; i++) {
                System.gc();
                least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
            }
            return least;
        }
    }
}
