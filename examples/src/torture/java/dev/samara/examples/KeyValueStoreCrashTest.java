// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.testing.Share;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A key-value store whose JVM is killed at a random moment")
final class KeyValueStoreCrashTest {
    private static final int KILLS = Boolean.getBoolean("samara.torture")
            ? 200
            : Share.of("KeyValueStoreCrashTest", 4).steps(16);

    @TempDir
    Path folder;

    private final NavigableMap<Long, byte[]> model = new TreeMap<>();

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    @DisplayName("has all batches whose checkpoint returned, at most one more, and no part of another")
    void kill() throws Exception {
        Random random = new Random(Long.getLong("samara.seed", 11));
        Path path = folder.resolve("store");
        long batches = 0;
        int unreported = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            long reported = Math.max(batches, killedAfter(path, random));
            Machine machine = StoreFixture.newMachine();
            try (KeyValueStore store = StoreFixture.open(machine, path)) {
                long recovered = StoreFixture.batchOf(store);
                assertTrue(
                        recovered == reported || recovered == reported + 1,
                        () -> "batch " + recovered + " after the report of " + reported);
                unreported += recovered > reported ? 1 : 0;
                while (batches < recovered) {
                    StoreFixture.batch(++batches, (key, value) -> StoreFixture.put(model, key, value));
                }
                StoreFixture.assertContents(model, store);
            } finally {
                machine.close();
            }
        }
        assertTrue(batches > 0);
        System.out.println(KILLS + " kills, " + batches + " batches, " + unreported
                + " of which were durable and not reported, " + model.size() + " records");
    }

    /**
     * Runs a JVM that changes the store, and kills the JVM. Returns the last batch that the JVM reported; 0 if it
     * reported none.
     */
    private static long killedAfter(Path path, Random random) throws IOException, InterruptedException {
        Process writer = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xshare:auto",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path").replace("\"", "") + File.pathSeparator,
                        KilledStore.class.getName(),
                        path.toString())
                .redirectErrorStream(true)
                .start();
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(writer.getInputStream(), StandardCharsets.UTF_8))) {
            // Some JVMs are killed while they open the store, or during their first batch.
            long last = 0;
            int wanted = random.nextInt(8) == 0 ? 0 : 1 + random.nextInt(30);
            for (int line = 0; line < wanted; line++) {
                last = number(lines.readLine());
            }
            assertTrue(!writer.waitFor(random.nextInt(wanted == 0 ? 600_000 : 8_000), TimeUnit.MICROSECONDS));
            // Process.destroyForcibly would close the process's streams, which may still contain the last lines.
            assertTrue(writer.toHandle().destroyForcibly());
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                last = number(line);
            }
            assertTrue(writer.waitFor() != 0);
            return last;
        }
    }

    private static long number(String line) {
        assertTrue(line != null && line.matches("\\d+"), () -> "the writer says " + line);
        return Long.parseLong(line);
    }
}
