// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.testing.Share;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A JVM that is killed while it writes a file of the host")
final class HostFileCrashTest {
    private static final int KILLS = Boolean.getBoolean("samara.torture")
            ? 200
            : Share.of("HostFileCrashTest", 4).steps(4);

    @TempDir
    Path folder;

    private static List<String> lines(Path out) {
        try {
            return Files.readAllLines(out);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    @DisplayName("leaves all that msync and fsync have promised, and no page of which only a part was written")
    void kill() throws Exception {
        Random random = new Random(Long.getLong("samara.seed", 9));
        long promises = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            Path file = folder.resolve("f" + kill);
            Path out = folder.resolve("out" + kill);
            int pages = KilledWriter.NUMBERED;
            Files.write(file, new byte[pages * (int) PAGE]);
            Process writer = ChildJvm.begin(KilledWriter.class, out, file.toString(), Long.toString(kill));
            int lines = 1 + random.nextInt(200);
            Await.until("promises", () -> lines(out).size() >= lines || !writer.isAlive());
            assertTrue(writer.isAlive(), () -> String.join("\n", lines(out)));
            writer.destroyForcibly();
            assertTrue(writer.waitFor() != 0);
            promises += lines(out).size();
            check(file, lines(out), pages);
        }
        System.out.println(KILLS + " kills, after " + promises + " promises");
    }

    private static void check(Path file, List<String> lines, int pages) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        assertTrue(bytes.limit() >= pages * PAGE);
        long[] promised = new long[pages];
        for (String line : lines) {
            String[] words = line.split(" ", -1);
            assertEquals("promised", words[0], line);
            promised[Integer.parseInt(words[1])] = Long.parseLong(words[2]);
        }
        for (int page = 0; page < pages; page++) {
            long first = bytes.getLong(page * (int) PAGE);
            long last = bytes.getLong((page + 1) * (int) PAGE - 8);
            assertTrue(first >= promised[page], "page " + page + " has " + first + ", not " + promised[page]);
            // The second number of a round is stored after the first one, so a save between the two contains a newer
            // first number.
            assertTrue(last >= promised[page] && last <= first, "page " + page + " has " + first + " and " + last);
        }
    }
}
