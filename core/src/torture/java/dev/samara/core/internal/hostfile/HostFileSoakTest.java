// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.hostfile.HostFileSoak.Settings;
import dev.samara.testing.Explored;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A short run for the build. With {@code -Dsamara.soak.seconds}, a run over 1,000 files and 100,000 mappings for that
 * time, and a run without a limit for a quarter of that time, which prints the durations of concurrent faults whose
 * pages are in memory.
 */
@DisplayName("Many files of the host, mapped many times, under a limit of pages in memory,")
@Explored(1)
final class HostFileSoakTest {
    private static final int SECONDS = Integer.getInteger("samara.soak.seconds", 0);
    private static final long SEED = Long.getLong("samara.seed", 1);

    @TempDir
    Path folder;

    @Test
    @Timeout(value = 4, unit = TimeUnit.HOURS)
    @DisplayName("lose nothing, and leave the heap, the channels and the frames as they were")
    void soak() throws Exception {
        Settings settings = SECONDS == 0
                ? new Settings(20, 400, 4, 256 << 10, 2, 1, SEED)
                : new Settings(1_000, 100_000, 8, 64 << 20, SECONDS, Math.max(5, Math.min(60, SECONDS / 6)), SEED);
        long limited = new HostFileSoak(settings, folder, System.out).run();
        if (SECONDS > 0) {
            Settings quarter = new Settings(
                    settings.files(),
                    settings.mappings(),
                    settings.threads(),
                    0,
                    Math.max(settings.mark(), SECONDS / 4),
                    settings.mark(),
                    SEED);
            Path other = Files.createDirectory(folder.resolve("unlimited"));
            long unlimited = new HostFileSoak(quarter, other, System.out).run();
            System.out.printf(
                    Locale.ROOT, "p99 of a fault that hits: %d ns, %d ns without a limit%n", limited, unlimited);
        }
    }
}
