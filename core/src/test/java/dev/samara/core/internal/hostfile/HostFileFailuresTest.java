// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * For each call of the host, that call fails, or it and all later ones; each failure is reported, and nothing is lost.
 */
@ExtendWith(OneThread.class)
@DisplayName("A run over a file of the host, in which a call of the host fails,")
final class HostFileFailuresTest extends HostFileFixture {
    private static final int PAGES = 6;

    /** The file's content if all changes of the run are saved. */
    private byte[] expected = {};

    private final List<Long> told = new ArrayList<>();
    private int calls;

    private long noted(long result) {
        if (Errno.isError(result)) {
            told.add(result);
        }
        return result;
    }

    private void store(long at, long page, int number) {
        int fault = fixture.memory.store(at + page * PAGE, 8, number);
        if (fault == Fault.NONE) {
            expected[(int) page * PAGE_BYTES] = (byte) number;
            Arrays.fill(expected, (int) page * PAGE_BYTES + 1, (int) page * PAGE_BYTES + 8, (byte) 0);
        } else {
            assertEquals(Fault.ADRERR, fault);
            told.add((long) -fault);
        }
    }

    private void run(HostFile file, long at) {
        store(at, 0, 1);
        store(at, 3, 2);
        noted(space.msync(at, PAGES * PAGE, SyncFlags.SYNC));
        long written = noted(file.pwrite(bytes(7), PAGES * PAGE + 16));
        if (written > 0) {
            expected = Arrays.copyOf(expected, PAGES * PAGE_BYTES + 24);
            expected[PAGES * PAGE_BYTES + 16] = 7;
        }
        store(at, 4, 3);
        noted(file.fsync());
        if (noted(file.truncate(5 * PAGE)) == 0) {
            expected = Arrays.copyOf(expected, 5 * PAGE_BYTES);
        }
        store(at, 1, 4);
        noted(file.fsync());
    }

    private void fails(String text, ChannelCall kind, int from, int to) throws IOException {
        Path path = write("f" + from + "-" + to, PAGES * PAGE_BYTES);
        expected = Files.readAllBytes(path);
        told.clear();
        calls = 0;
        int[] failed = {0};
        channels.failure = (call, offset, length) -> {
            if (call == kind && calls++ >= from && calls <= to) {
                failed[0]++;
                throw new IOException(text);
            }
        };
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        run(file, at);
        // A failed read-ahead does not fail an access.
        assertTrue(failed[0] == 0 || !told.isEmpty() || kind == ChannelCall.READ, () -> kind + " " + from);
        channels.failure = (call, offset, length) -> {};
        file.fsync();
        assertEquals(0, file.fsync());
        assertArrayEquals(expected, Files.readAllBytes(path), kind + " " + from);
        assertEquals(0, space.munmap(at, PAGES * PAGE));
        file.close();
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    @DisplayName("tells of the failure, and has all that was written once the host works again")
    void sweep(ChannelCall kind) throws IOException {
        fails("Input/output error", kind, Integer.MAX_VALUE, Integer.MAX_VALUE);
        int most = calls;
        assertTrue(most > 0);
        for (int n = 0; n < most; n++) {
            fails("Input/output error", kind, n, n + 1);
            fails("No space left on device", kind, n, Integer.MAX_VALUE);
        }
    }
}
