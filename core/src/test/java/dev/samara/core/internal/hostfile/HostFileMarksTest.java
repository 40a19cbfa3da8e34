// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldLeaf;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Marks that a call clears before it acts on them, so a mark that is set during the call is left to the next call. */
@ExtendWith(OneThread.class)
@DisplayName("A save of a file of the host, and the call that sets a mark again in the middle of it")
final class HostFileMarksTest extends HostFileFixture {
    private static final long FIRST = 1L << 30;
    private static final long SECOND = 1L << 31;

    /** Makes a call once, before the channel's next call of a kind. */
    private void beforeNext(ChannelCall kind, Callable<?> call) {
        List<Callable<?>> once = Collections.synchronizedList(new ArrayList<>(List.of(call)));
        channels.failure = (made, offset, length) -> {
            if (made == kind && !once.isEmpty()) {
                try {
                    once.remove(0).call();
                } catch (IOException planted) {
                    throw planted;
                } catch (Exception failed) {
                    throw new AssertionError(failed);
                }
            }
        };
    }

    private long forces() {
        return channels.calls.stream().filter("force"::equals).count();
    }

    @Test
    @DisplayName("forces bytes that were added during an earlier force")
    void addedDuringForce() throws IOException {
        HostFile file = open(write("f", PAGE_BYTES), RW);
        assertEquals(8, file.pwrite(bytes(5), 0));
        beforeNext(ChannelCall.FORCE, () -> file.grow(2 * PAGE));
        assertEquals(0, file.fsync());
        assertEquals(1, forces());
        assertEquals(0, file.fsync());
        assertEquals(2, forces());
        assertEquals(0, file.fsync());
        assertEquals(2, forces(), "nothing is left to force");
        file.close();
    }

    @Test
    @DisplayName("forces a growth whose write had not come to the host when an earlier force began")
    void forcedDuringGrowth() throws IOException {
        HostFile file = open(write("f", PAGE_BYTES), RW);
        assertEquals(8, file.pwrite(bytes(5), 0));
        // The hook writes and forces; its own write does not call the hook again.
        beforeNext(ChannelCall.WRITE, file::fsync);
        assertEquals(0, file.grow(2 * PAGE));
        assertEquals(1, forces());
        assertEquals(0, file.fsync());
        assertEquals(2, forces());
        file.close();
    }

    @Test
    @DisplayName("writes what was stored through a mapping that may be written no longer")
    void narrowed() throws IOException {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 1, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at, 9);
        assertEquals(0, space.mprotect(at, PAGE, READ));
        assertEquals(0, file.fsync());
        assertEquals(9, number(path, 0));
        file.close();
    }

    @Test
    @DisplayName("writes a page again whose force has failed while an eviction had it, which puts it back")
    void forceFailsDuringEviction() throws IOException {
        HostFile file = open(write("f", PAGE_BYTES), RW);
        for (long at : new long[] {FIRST, SECOND}) {
            fixture.map(at, 1, READ | WRITE, MapFlags.SHARED | MapFlags.FIXED, file, 0);
            assertEquals(STAMP, fixture.load(at));
        }
        fixture.store(FIRST, 9);
        List<HeldLeaf> held = new ArrayList<>();
        List<Future<Integer>> evicted = new ArrayList<>();
        CountDownLatch isHeld = new CountDownLatch(1);
        beforeNext(ChannelCall.FORCE, () -> {
            held.add(new HeldLeaf(space, FIRST));
            evicted.add(
                    held.get(0).stopped("evict", () -> HostFilePages.saved(file).evict(true)));
            isHeld.countDown();
            throw new IOException("Input/output error");
        });
        FutureTask<Long> saved = new FutureTask<>(file::fsync);
        Thread saver = new Thread(saved, "fsync");
        saver.setDaemon(true);
        saver.start();
        Await.until("the eviction has the page", () -> isHeld.getCount() == 0 || saved.isDone(), fixture.reports);
        // Makes the eviction put the page back.
        PinnedFrame pin = fixture.pin(SECOND, READ);
        Await.stopped(saver, fixture.reports);
        held.get(0).close();
        assertEquals(0, Await.result("evict", evicted.get(0), fixture.reports));
        assertResult(Errno.EIO, Await.result("fsync", saved, fixture.reports));
        pin.close();
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of("write 0+" + PAGE_BYTES, "force"), channels.calls);
        file.close();
    }
}
