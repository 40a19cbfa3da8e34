// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A read of a page of a file of the host beside a save of the file")
final class ReadsBesideSavesTest extends HostFileFixture {
    private static long read(HostFile file, long page) {
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, page * PAGE));
        return target.getLong(0);
    }

    /** Makes a save start once the bytes of a page were read from the host, and reach the held call. */
    private void readBesideSave(ChannelCall kind) throws IOException {
        HostFile file = open(write("f", 64 * PAGE_BYTES), RW);
        assertEquals(8, file.pwrite(bytes(9), 0));
        HeldCalls held = new HeldCalls(kind);
        AtomicReference<CallBeside> save = new AtomicReference<>();
        AtomicBoolean isRead = new AtomicBoolean();
        channels.failure = held;
        channels.afterRead = () -> {
            if (!isRead.getAndSet(true)) {
                save.set(CallBeside.start("save", file::fsync));
                held.awaitReached();
            }
        };
        CallBeside read = CallBeside.start("read", () -> read(file, 30));
        assertEquals(STAMP + 30, read.result());
        assertEquals(
                STAMP + 40,
                CallBeside.start("a later read", () -> read(file, 40)).result());
        assertFalse(Objects.requireNonNull(save.get()).isOver());
        assertEquals(3, channels.reads.get(), "reads of the host, one of which is for the write");
        held.release();
        assertEquals(0, Objects.requireNonNull(save.get()).result());
        file.close();
    }

    @Test
    @DisplayName("waits for no write of another page, and is not repeated for that")
    void besideWrite() throws Exception {
        readBesideSave(ChannelCall.WRITE);
    }

    @Test
    @DisplayName("waits for no force, and is not repeated for that")
    void besideForce() throws Exception {
        readBesideSave(ChannelCall.FORCE);
    }

    @Test
    @DisplayName("has the other pages of its window, if one of them was written and reclaimed in the meantime")
    void windowBesideWrite() throws Exception {
        HostFile file = open(write("f", 64 * PAGE_BYTES), RW);
        FilePages pages = (FilePages) file.pageCache();
        // Each read has a larger window than the previous one.
        for (int page : new int[] {0, 2, 4, 8}) {
            read(file, page);
        }
        AtomicBoolean isRead = new AtomicBoolean();
        channels.afterRead = () -> {
            if (!isRead.getAndSet(true)) {
                ByteBuffer page = ByteBuffer.allocate(PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
                CallBeside other = CallBeside.start("another call", () -> {
                    file.pwrite(page.putLong(0, 9), 20 * PAGE);
                    long saved = file.fsync();
                    HostFilePages.saved(file).evict(true);
                    return saved;
                });
                assertEquals(0, other.result());
            }
        };
        assertEquals(STAMP + 16, read(file, 16));
        assertTrue(pages.frameAt(19) >= 0 && pages.frameAt(20) < 0 && pages.frameAt(21) >= 0);
        assertEquals(9, read(file, 20));
        assertEquals(STAMP + 21, read(file, 21));
        file.close();
    }

    @Test
    @DisplayName("does not have the bytes that the host had before, if the page is removed while it is written")
    void removedDuringWrite() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES), RW);
        assertEquals(8, file.pwrite(bytes(9), PAGE));
        HeldCalls held = new HeldCalls(ChannelCall.WRITE);
        channels.failure = held;
        CallBeside save = CallBeside.start("save", file::fsync);
        held.awaitReached();
        file.pageCache().remove(1, 1);
        CallBeside read = CallBeside.startUntilItWaits("read", () -> read(file, 1));
        assertFalse(read.isOver());
        held.release();
        assertEquals(0, save.result());
        assertEquals(9, read.result());
        file.close();
    }

    @Test
    @DisplayName("is repeated if the page is removed in the meantime, since another program has changed it")
    void removedDuringRead() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        AtomicBoolean isRead = new AtomicBoolean();
        channels.afterRead = () -> {
            if (!isRead.getAndSet(true)) {
                change(path, 3, 9);
                file.pageCache().remove(3, 1);
            }
        };
        assertEquals(9, read(file, 3));
        file.close();
    }

    private static void change(Path path, long page, long number) {
        try (var channel = Files.newByteChannel(path, StandardOpenOption.WRITE)) {
            channel.position(page * PAGE).write(bytes(number));
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }
}
