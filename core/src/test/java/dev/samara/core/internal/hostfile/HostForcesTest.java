// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.SyncRangeFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("During the force of a file of the host,")
final class HostForcesTest extends HostFileFixture {
    private final HeldCalls force = new HeldCalls(ChannelCall.FORCE);

    private static String written(long page) {
        return "write " + page * PAGE + "+" + PAGE;
    }

    /** Starts a save, and returns once it wrote a page and its force is held. */
    private CallBeside held(HostFile file, long page) {
        assertEquals(8, file.pwrite(bytes(5), page * PAGE));
        channels.failure = force;
        CallBeside save = CallBeside.start("save", file::fsync);
        force.awaitReached();
        return save;
    }

    @Test
    @DisplayName("another save writes its pages, and returns after a force that started after its writes")
    void secondSave() throws Exception {
        HostFile file = open(write("f", 16 * PAGE_BYTES), RW);
        CallBeside first = held(file, 1);
        assertEquals(8, file.pwrite(bytes(6), 5 * PAGE));
        CallBeside second = CallBeside.startUntilItWaits("second save", file::fsync);
        CallBeside third = CallBeside.startUntilItWaits("third save", file::fsync);
        assertEquals(List.of(written(1), written(5)), channels.calls);
        assertFalse(second.isOver() || third.isOver());
        force.release();
        assertEquals(0, first.result());
        assertEquals(0, second.result());
        assertEquals(0, third.result());
        assertEquals(List.of(written(1), written(5), "force", "force"), channels.calls, "the third one shares a force");
        file.close();
    }

    @Test
    @DisplayName("a save of pages that another one has written waits for that force, and makes no other one")
    void sharedForce() throws Exception {
        HostFile file = open(write("f", 16 * PAGE_BYTES), RW);
        CallBeside first = held(file, 1);
        CallBeside second = CallBeside.startUntilItWaits("second save", file::fsync);
        assertFalse(second.isOver());
        force.release();
        assertEquals(0, first.result());
        assertEquals(0, second.result());
        assertEquals(List.of(written(1), "force"), channels.calls);
        file.close();
    }

    @Test
    @DisplayName("writes, holes and changes of the size are made, and no page is written that is gone")
    void changes() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        HostFile file = open(path, RW);
        CallBeside save = held(file, 9);
        assertEquals(
                8,
                CallBeside.start("append", () -> file.pwrite(bytes(7), 16 * PAGE))
                        .result());
        assertEquals(
                0, CallBeside.start("hole", () -> file.punch(2 * PAGE, PAGE)).result());
        assertEquals(
                0, CallBeside.start("truncation", () -> file.truncate(4 * PAGE)).result());
        assertFalse(save.isOver());
        force.fail("Input/output error");
        assertResult(Errno.EIO, save.result());
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of("force"), channels.calls);
        assertEquals(4 * PAGE, Files.size(path));
        assertEquals(0, number(path, 2 * PAGE));
        file.close();
    }

    @Test
    @DisplayName("which fails, each save fails, and what they have written is dirty again")
    void failure() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        HostFile file = open(path, RW);
        HostFile other = open(path, RW);
        CallBeside first = held(file, 1);
        assertEquals(8, file.pwrite(bytes(6), 5 * PAGE));
        CallBeside same = CallBeside.startUntilItWaits("save by the same open", file::fsync);
        CallBeside another = CallBeside.startUntilItWaits("save by another open", other::fsync);
        assertEquals(8, file.pwrite(bytes(7), 9 * PAGE));
        assertEquals(0, file.syncRange(0, 0, SyncRangeFlags.SYNC_FILE_RANGE_WRITE));
        force.fail("Input/output error");
        assertResult(Errno.EIO, first.result());
        assertResult(Errno.EIO, same.result());
        assertResult(Errno.EIO, another.result());
        assertEquals(List.of(written(1), written(5), written(9)), channels.calls);
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of(written(1), written(5), written(9), "force"), channels.calls);
        assertEquals(0, other.fsync());
        assertEquals(0, file.fsync());
        assertEquals(4, channels.calls.size(), "all is on the device");
        file.close();
        other.close();
    }

    @Test
    @DisplayName("which fails, a page is dirty again whose write is under way when it fails")
    void failureBesideWrite() throws Exception {
        HostFile file = open(write("f", 16 * PAGE_BYTES), RW);
        CallBeside save = held(file, 1);
        HeldCalls write = new HeldCalls(ChannelCall.WRITE);
        channels.failure = write;
        assertEquals(8, file.pwrite(bytes(6), 5 * PAGE));
        CallBeside range =
                CallBeside.start("a write", () -> file.syncRange(0, 0, SyncRangeFlags.SYNC_FILE_RANGE_WRITE));
        write.awaitReached();
        force.fail("Input/output error");
        save.awaitIn("hostfile.HostForces", "setDirty");
        write.release();
        assertEquals(0, range.result());
        assertResult(Errno.EIO, save.result());
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of(written(1), written(5), "force"), channels.calls);
        file.close();
    }

    @Test
    @DisplayName("which throws, its save throws, and others fail")
    void error() throws Exception {
        HostFile file = open(write("f", 16 * PAGE_BYTES), RW);
        assertEquals(8, file.pwrite(bytes(5), PAGE));
        HeldCalls held = new HeldCalls(ChannelCall.FORCE);
        channels.failure = (call, offset, length) -> {
            try {
                held.before(call, offset, length);
            } catch (IOException thrown) {
                throw new OutOfMemoryError(thrown.getMessage());
            }
        };
        CallBeside first = CallBeside.start("save", () -> {
            try {
                return file.fsync();
            } catch (OutOfMemoryError expected) {
                return 1;
            }
        });
        held.awaitReached();
        CallBeside second = CallBeside.startUntilItWaits("second save", file::fsync);
        held.fail("for a force");
        assertEquals(1, first.result());
        assertResult(Errno.EIO, second.result());
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of(written(1), "force"), channels.calls);
        file.close();
    }
}
