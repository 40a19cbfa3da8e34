// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Beside a write of whole pages by a direct open,")
final class UncachedWriteRacesTest extends HostFileFixture {
    private final HeldCalls write = new HeldCalls(ChannelCall.WRITE);

    private static ByteBuffer page(long number, int pages) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(pages * PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int page = 0; page < pages; page++) {
            bytes.putLong(page * PAGE_BYTES, number);
        }
        return bytes;
    }

    private static long read(HostFile file, long page) {
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, page * PAGE));
        return target.getLong(0);
    }

    private static boolean isInMemory(HostFile file, long page) {
        return ((FilePages) file.pageCache()).frameAt(page) != Frames.NONE;
    }

    /** Starts a write of 9 to a page, and holds the write. */
    private CallBeside held(HostFile direct, long page) {
        channels.failure = write;
        CallBeside call = CallBeside.start("write", () -> direct.pwrite(page(9, 1), page * PAGE));
        write.awaitReached();
        return call;
    }

    @Test
    @DisplayName("a fault of such a page waits for the write, and one of another page does not")
    void fault() throws Exception {
        HostFile file = open(write("f", 8 * PAGE_BYTES), UncachedWritesTest.DIRECT);
        long at = fixture.map(0, 8, READ | WRITE, MapFlags.SHARED, file, 0);
        HostFile other = open(folder.resolve("f"), RW);
        CallBeside call = held(file, 5);
        assertEquals(STAMP + 3, fixture.load(at + 3 * PAGE));
        CallBeside fault = CallBeside.startUntilItWaits("read", () -> read(other, 5));
        assertFalse(fault.isOver());
        write.release();
        assertEquals(PAGE, call.result());
        assertEquals(9, fault.result());
        assertEquals(9, fixture.load(at + 5 * PAGE));
        other.close();
        file.close();
    }

    @Test
    @DisplayName("a page does not come into memory that was read before the write, and is inserted after it")
    void readBefore() throws Exception {
        HostFile file = open(write("f", 8 * PAGE_BYTES), UncachedWritesTest.DIRECT);
        HostFile other = open(folder.resolve("f"), RW);
        AtomicInteger reads = new AtomicInteger();
        channels.afterRead = () -> {
            if (reads.getAndIncrement() == 0) {
                CallBeside call = CallBeside.start("write", () -> file.pwrite(page(9, 1), 5 * PAGE));
                assertEquals(PAGE, call.result());
            }
        };
        assertEquals(9, read(other, 5));
        assertEquals(2, reads.get());
        other.close();
        file.close();
    }

    @Test
    @DisplayName("a read by a direct open waits, and brings the page not into memory")
    void directRead() throws Exception {
        HostFile file = open(write("f", 8 * PAGE_BYTES), UncachedWritesTest.DIRECT);
        CallBeside call = held(file, 5);
        CallBeside read = CallBeside.startUntilItWaits("read", () -> read(file, 5));
        assertFalse(read.isOver());
        write.release();
        assertEquals(PAGE, call.result());
        assertEquals(9, read.result());
        assertFalse(isInMemory(file, 5));
        file.close();
    }

    @Test
    @DisplayName("a truncation waits, and the pages that it cuts off are zeros later")
    void truncation() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, UncachedWritesTest.DIRECT);
        CallBeside call = held(file, 5);
        CallBeside cut = CallBeside.startUntilItWaits("truncation", () -> file.truncate(2 * PAGE));
        assertFalse(cut.isOver());
        write.release();
        assertEquals(PAGE, call.result());
        assertEquals(0, cut.result());
        assertEquals(2 * PAGE, Files.size(path));
        assertEquals(0, file.truncate(8 * PAGE));
        assertEquals(0, read(file, 5));
        file.close();
    }

    @Test
    @DisplayName("another write, a growth, a hole and an append wait, and are made after it")
    void changes() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, UncachedWritesTest.DIRECT);
        HostFile other = open(path, RW);
        CallBeside call = held(file, 5);
        List<CallBeside> others = List.of(
                CallBeside.startUntilItWaits("write", () -> other.pwrite(page(7, 1), 4 * PAGE)),
                CallBeside.startUntilItWaits("growth", () -> other.grow(9 * PAGE)),
                CallBeside.startUntilItWaits("hole", () -> file.punch(5 * PAGE, PAGE)),
                CallBeside.startUntilItWaits("append", () -> file.append(page(6, 1))));
        assertTrue(others.stream().noneMatch(CallBeside::isOver));
        write.release();
        assertEquals(PAGE, call.result());
        assertEquals(PAGE, others.get(0).result());
        assertEquals(0, others.get(1).result());
        assertEquals(0, others.get(2).result());
        long end = others.get(3).result();
        assertTrue(end == 8 * PAGE || end == 9 * PAGE, () -> "appended at " + end);
        assertEquals(7, read(other, 4));
        assertEquals(0, read(other, 5));
        assertEquals(6, read(other, end / PAGE));
        other.close();
        file.close();
    }

    @Test
    @DisplayName("a force that ends before the write does not cover it: a later save forces the file again")
    void forcedBefore() throws Exception {
        HostFile file = open(write("f", 8 * PAGE_BYTES), UncachedWritesTest.DIRECT);
        HostFile other = open(folder.resolve("f"), RW);
        HeldCalls force = new HeldCalls(ChannelCall.FORCE);
        channels.failure = force;
        assertEquals(8, other.pwrite(bytes(1), 0));
        CallBeside first = CallBeside.start("first save", other::fsync);
        force.awaitReached();
        assertEquals(8, other.pwrite(bytes(2), PAGE));
        CallBeside second = CallBeside.start("second save", other::fsync);
        // It has written its page, so its force starts during the direct write.
        second.awaitIn("hostfile.HostForces", "force");
        CallBeside call = held(file, 5);
        force.release();
        assertEquals(0, first.result());
        assertEquals(0, second.result());
        write.release();
        assertEquals(PAGE, call.result());
        channels.calls.clear();
        assertEquals(0, other.fsync());
        assertEquals(List.of("force"), channels.calls);
        other.close();
        file.close();
    }

    @Test
    @DisplayName("a write-back waits, and the other way round, and a save after both forces both")
    void writeBack() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, UncachedWritesTest.DIRECT);
        HostFile other = open(path, RW);
        assertEquals(8, other.pwrite(bytes(7), PAGE));
        CallBeside call = held(file, 5);
        CallBeside save = CallBeside.startUntilItWaits("save", other::fsync);
        assertFalse(save.isOver());
        write.release();
        assertEquals(PAGE, call.result());
        assertEquals(0, save.result());
        assertEquals(List.of("write 20480+4096", "write 4096+4096", "force"), channels.calls);
        assertEquals(8, other.pwrite(bytes(8), PAGE));
        HeldCalls second = new HeldCalls(ChannelCall.WRITE);
        channels.failure = second;
        save = CallBeside.start("save", other::fsync);
        second.awaitReached();
        call = CallBeside.startUntilItWaits("write", () -> file.pwrite(page(9, 1), 6 * PAGE));
        assertFalse(call.isOver());
        second.release();
        assertEquals(0, save.result());
        assertEquals(PAGE, call.result());
        assertEquals(9, number(path, 6 * PAGE));
        other.close();
        file.close();
    }

    @Test
    @DisplayName("an eviction of dirty pages writes none, and the access that needs a frame gets a clean one")
    void eviction() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, UncachedWritesTest.DIRECT);
        HostFile other = open(path, RW);
        assertEquals(8, other.pwrite(bytes(7), PAGE));
        assertEquals(STAMP + 2, read(other, 2));
        CallBeside call = held(file, 5);
        int freed = HostFilePages.saved(other).evict(true);
        assertTrue(freed > 0, () -> freed + " pages");
        assertTrue(isInMemory(other, 1));
        assertFalse(isInMemory(other, 2));
        write.release();
        assertEquals(PAGE, call.result());
        assertEquals(7, read(other, 1));
        other.close();
        file.close();
    }

    @Test
    @DisplayName("another program cuts the file: what is left of the write does not lengthen it")
    void cutByAnother() throws Exception {
        Path path = folder.resolve("f");
        int mib = 1 << 20;
        Files.write(path, new byte[3 * mib]);
        HostFile file = open(path, UncachedWritesTest.DIRECT);
        AtomicInteger writes = new AtomicInteger();
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE && writes.incrementAndGet() == 2) {
                try (FileChannel another = FileChannel.open(path, StandardOpenOption.WRITE)) {
                    another.truncate(100);
                }
            }
        };
        assertEquals(3L * mib, file.pwrite(ByteBuffer.allocateDirect(3 * mib), 0));
        assertEquals(2, writes.get(), "the second one has begun when the file is cut");
        assertEquals(2L * mib, Files.size(path));
        assertEquals(0, file.fsync());
        assertEquals(2L * mib, Files.size(path));
        assertEquals(2L * mib, file.size());
        file.close();
    }

    @Test
    @DisplayName("the host fails: the call returns what was written before, and the pages are what the host has")
    void failure() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, UncachedWritesTest.DIRECT);
        channels.mostBytes = PAGE_BYTES + 8;
        AtomicInteger writes = new AtomicInteger();
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE && writes.incrementAndGet() > 1) {
                throw new IOException("No space left on device");
            }
        };
        ByteBuffer source = page(9, 4);
        assertEquals(PAGE + 8, file.pwrite(source, 2 * PAGE));
        assertEquals(PAGE + 8, source.position());
        assertResult(Errno.ENOSPC, file.pwrite(page(9, 2), 0));
        source = page(6, 3);
        writes.set(0);
        assertEquals(PAGE + 8, file.pwrite(source, 8 * PAGE));
        assertEquals(9 * PAGE + 8, file.size());
        assertEquals(9 * PAGE + 8, Files.size(path));
        channels.failure = (call, offset, length) -> {};
        assertEquals(STAMP, read(file, 0));
        assertEquals(9, read(file, 2));
        assertEquals(9, read(file, 3));
        assertEquals(STAMP + 4, read(file, 4));
        assertEquals(6, read(file, 8));
        assertEquals(6, read(file, 9));
        assertEquals(0, file.fsync(), "the call was told of the failure, and no save is");
        file.close();
    }

    @Test
    @DisplayName("a force fails: each open is told once, and what is in memory by then is written again")
    void failedForce() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, UncachedWritesTest.DIRECT);
        HostFile other = open(path, RW);
        assertEquals(2 * PAGE, file.pwrite(page(9, 2), 4 * PAGE));
        assertEquals(9, read(other, 5));
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.FORCE) {
                throw new IOException("Input/output error");
            }
        };
        assertResult(Errno.EIO, file.fsync());
        channels.failure = (call, offset, length) -> {};
        channels.calls.clear();
        assertResult(Errno.EIO, other.fsync());
        assertEquals(0, other.fsync());
        assertEquals(0, file.fsync());
        assertEquals(List.of("write 20480+4096", "force"), channels.calls, "page 4 is not in memory");
        assertEquals(2 * PAGE, file.pwrite(page(9, 2), 4 * PAGE));
        assertEquals(0, file.fsync());
        assertEquals(
                List.of("write 20480+4096", "force", "write 16384+4096", "write 20480+4096", "force"), channels.calls);
        other.close();
        file.close();
    }
}
