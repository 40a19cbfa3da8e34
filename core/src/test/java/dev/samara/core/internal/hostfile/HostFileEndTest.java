// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.internal.sync.DelayedTask;
import dev.samara.core.mman.FileAdvice;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Files of the host of a machine")
final class HostFileEndTest {
    private static final OpenOption[] RW = {StandardOpenOption.READ, StandardOpenOption.WRITE};

    @TempDir
    Path folder;

    private final FaultyChannels channels = new FaultyChannels();
    private final List<Report> reports = new ArrayList<>();
    private final Machine machine = Machine.builder()
            .memory(1 << 20)
            .writeBackEvery(Duration.ZERO)
            .reportTo(reports::add)
            .build();
    private final HostFiles files = MachineInternals.hostFiles(machine);

    HostFileEndTest() {
        files.openBy(channels);
    }

    private Path write(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }

    private static String read(HostFile file) {
        ByteBuffer target = ByteBuffer.allocate(10);
        int length = (int) file.pread(target, 0);
        return new String(target.array(), 0, length, US_ASCII);
    }

    /** Replaces a path by another file, which also has a second name, during each of the first opens of the path. */
    private void replaceDuringOpens(int times, Path path, List<Path> others) {
        List<Path> left = new ArrayList<>(others.subList(0, times));
        files.openBy((opened, options) -> {
            boolean isReplaced = opened.equals(path) && !left.isEmpty();
            // The path named a different file when it was checked before the open; after the open it names the opened
            // file.
            Path other = isReplaced ? left.remove(0) : path;
            HostChannel channel = channels.open(isReplaced ? other : opened, options);
            if (isReplaced) {
                Path second = Files.createLink(folder.resolve("second"), other);
                Files.move(second, path, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            }
            return channel;
        });
    }

    @Test
    @DisplayName("are those whose channels were opened, though other files take the path meanwhile")
    void replaced() throws Exception {
        Path path = write("path", "first");
        List<Path> others = List.of(write("a", "a"), write("b", "b"), write("c", "c"));
        replaceDuringOpens(3, path, others);
        try (HostFile file = machine.openFile(path, GEOMETRY, RW)) {
            assertEquals("c", read(file));
            assertEquals(((Number) Files.getAttribute(others.get(2), "unix:ino")).longValue(), file.inode());
            for (Path other : others) {
                try (HostFile stable = machine.openFile(other, GEOMETRY)) {
                    assertEquals(Files.readString(other), read(stable));
                }
            }
        }
        machine.close();
        assertEquals(0, channels.open.get());
    }

    @Test
    @DisplayName("are those whose channels were opened, though another file has the path only at that instant")
    void replacedForAMoment() throws Exception {
        Path path = write("path", "first");
        Path other = write("other", "other");
        boolean[] isReplaced = {false};
        boolean[] isSeen = {false};
        files.openBy((opened, options) -> {
            if (isReplaced[0]) {
                return channels.open(opened, options);
            }
            isReplaced[0] = true;
            Object before = Files.getAttribute(path, "unix:ctime");
            Files.move(path, folder.resolve("away"));
            Files.createLink(path, other);
            HostChannel channel = channels.open(opened, options);
            Files.move(folder.resolve("away"), path, StandardCopyOption.REPLACE_EXISTING);
            // A kernel before 6.13 stamps files with the time of the last tick.
            isSeen[0] = !before.equals(Files.getAttribute(path, "unix:ctime"));
            return channel;
        });
        try (HostFile file = machine.openFile(path, GEOMETRY, RW)) {
            assumeTrue(isSeen[0], "the time of the host is too coarse");
            assertEquals("first", read(file));
        } finally {
            machine.close();
        }
    }

    @Test
    @DisplayName("that are created are known by their own keys, though another file takes the path at once")
    void replacedWhenCreated() throws Exception {
        Path path = folder.resolve("path");
        Path other = write("other", "other");
        boolean[] isReplaced = {false};
        files.openBy((opened, options) -> {
            HostChannel channel = channels.open(opened, options);
            if (!isReplaced[0]) {
                isReplaced[0] = true;
                Files.delete(path);
                Files.createLink(path, other);
            }
            return channel;
        });
        try (HostFile file = machine.openFile(path, GEOMETRY, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
                HostFile stable = machine.openFile(other, GEOMETRY)) {
            assertEquals("other", read(stable));
            assertEquals("other", read(file));
        }
        machine.close();
        assertEquals(0, channels.open.get());
    }

    @Test
    @DisplayName("are saved by the end of the machine but for those that cannot be, which a further close saves")
    void endOfMachine() throws Exception {
        List<Path> paths = List.of(write("a", "-"), write("b", "-"), write("c", "-"), write("d", "-"));
        List<HostFile> opens = new ArrayList<>();
        for (Path path : paths) {
            HostFile file = machine.openFile(path, GEOMETRY, RW);
            assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 0));
            opens.add(file);
        }
        List<String> failures = new ArrayList<>(List.of("No space left on device", "memory", "channel"));
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE && !failures.isEmpty()) {
                String failure = failures.remove(0);
                if (failure.equals("memory")) {
                    throw new OutOfMemoryError("a test");
                } else if (failure.equals("channel")) {
                    throw new IllegalStateException("a channel of an embedder");
                }
                throw new IOException(failure);
            }
        };
        machine.close();
        List<Path> left = new ArrayList<>();
        for (Path path : paths) {
            if (!Files.readString(path).equals("X")) {
                left.add(path);
            }
        }
        assertEquals(3, left.size());
        assertEquals(3, reports.size());
        for (int i = 0; i < 3; i++) {
            assertEquals(Report.Kind.FILE_NOT_SAVED, reports.get(i).kind());
            String message = Objects.requireNonNull(reports.get(i).message());
            assertTrue(left.stream().anyMatch(path -> message.contains(path.toString())), message);
        }
        assertEquals(3, channels.open.get());
        machine.close();
        for (Path path : paths) {
            assertEquals("X", Files.readString(path));
        }
        assertEquals(0, channels.open.get());
        opens.forEach(HostFile::close);
        machine.close();
        assertEquals(3, reports.size());
    }

    @Test
    @DisplayName("that were deleted, and that their last close could not save, are closed by the next round that can")
    void leftOpen() throws Exception {
        Path path = write("a", "-");
        HostFile file = machine.openFile(path, GEOMETRY, RW);
        assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 0));
        channels.fail(ChannelCall.WRITE, "No space left on device");
        file.close();
        Files.delete(path);
        assertTrue(files.writeAll());
        assertTrue(files.writeAll());
        assertEquals(1, channels.open.get());
        assertEquals(1, reports.size(), "reported once");
        channels.mend();
        assertEquals(false, files.writeAll());
        assertEquals(0, channels.open.get());
        machine.close();
        assertEquals(1, reports.size());
    }

    @Test
    @DisplayName("is closed by its last close alone, though a round of periodic writes comes while that saves it")
    void roundDuringLastClose() throws Exception {
        HostFile file = machine.openFile(write("a", "-"), GEOMETRY, RW);
        assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 0));
        List<Boolean> rounds = new ArrayList<>();
        channels.beforeNext(ChannelCall.FORCE, () -> {
            rounds.add(files.writeAll());
            assertEquals(1, channels.open.get());
        });
        file.close();
        assertEquals(List.of(true), rounds, "is open for writing until then");
        assertEquals(0, channels.open.get());
        assertEquals(List.of(), reports);
        assertEquals("X", Files.readString(folder.resolve("a")));
    }

    /** Runs an action before each query of the size of a channel's file. */
    private static HostChannel withSize(HostChannel channel, Runnable before) {
        return (HostChannel) Proxy.newProxyInstance(
                HostFileEndTest.class.getClassLoader(),
                new Class<?>[] {HostChannel.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("size")) {
                        before.run();
                    }
                    try {
                        return method.invoke(channel, arguments);
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                });
    }

    private static ReentrantLock changesLock(HostFile file) throws ReflectiveOperationException {
        Field inode = OpenHostFile.class.getDeclaredField("inode");
        inode.setAccessible(true);
        Field state = HostInode.class.getDeclaredField("state");
        state.setAccessible(true);
        return ((InodeState) state.get(inode.get(file))).changesLock();
    }

    @Test
    @DisplayName("are not reported if their last close saves them while the machine finds them cut by another program")
    void lastCloseDuringClose() throws Exception {
        Path path = write("a", "0123456789");
        AtomicReference<Thread> closer = new AtomicReference<>();
        CountDownLatch looks = new CountDownLatch(1);
        CountDownLatch isLocked = new CountDownLatch(1);
        files.openBy((opened, options) -> withSize(channels.open(opened, options), () -> {
            if (Thread.currentThread() == closer.get() && looks.getCount() > 0) {
                looks.countDown();
                Latches.await(isLocked);
            }
        }));
        HostFile file = machine.openFile(path, GEOMETRY, RW);
        assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 9));
        Files.writeString(path, "01");
        ReentrantLock changes = changesLock(file);
        Thread closes = new Thread(machine::close, "closes the machine");
        closer.set(closes);
        closes.start();
        // The machine read the size under the write-back lock, and will read it once more under the lock of changes.
        Latches.await(looks);
        changes.lock();
        try {
            isLocked.countDown();
            Await.until("the machine's save finds the file short", () -> changes.hasQueuedThread(closes));
            file.close();
            assertEquals(0, channels.open.get());
        } finally {
            changes.unlock();
        }
        closes.join();
        assertEquals(List.of(), reports);
        assertEquals("01", Files.readString(path));
    }

    @Test
    @DisplayName("that are read ahead while the machine is closed end the reads without a report")
    void readAhead() throws Exception {
        Path path = write("path", "content");
        for (int readsBefore = 0; readsBefore < 2; readsBefore++) {
            closeDuringReadAhead(path, readsBefore);
        }
        assertEquals(List.of(), reports);
    }

    /**
     * Closes a machine during a read ahead of two windows, before or after the first window was read.
     *
     * @param readsBefore the number of windows that are read before the close
     */
    private void closeDuringReadAhead(Path path, int readsBefore) throws Exception {
        Files.write(path, new byte[1 << 20]);
        ExecutorService tasks = Executors.newSingleThreadExecutor();
        Machine closed = Machine.builder()
                .memory(4 << 20)
                .reportTo(reports::add)
                .executor(tasks)
                .build();
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch released = new CountDownLatch(1);
        AtomicInteger reads = new AtomicInteger();
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.READ && reads.getAndIncrement() == readsBefore) {
                reached.countDown();
                Latches.await(released);
            }
        };
        MachineInternals.hostFiles(closed).openBy(channels);
        HostFile file = closed.openFile(path, GEOMETRY);
        assertEquals(0, file.fadvise(0, 0, FileAdvice.POSIX_FADV_WILLNEED));
        Await.until("a read", () -> reached.getCount() == 0);
        file.close();
        closed.close();
        released.countDown();
        tasks.shutdown();
        Await.until("the read ahead ends", tasks::isTerminated);
    }

    @Test
    @DisplayName("leave no thread behind once the machine is closed")
    void threads() throws Exception {
        Path path = write("path", "content");
        ThreadGroup group = new ThreadGroup("caller");
        AtomicBoolean isWaiting = new AtomicBoolean();
        // A thread belongs to the group of the thread that started it.
        Thread caller = new Thread(group, () -> {
            Machine own = Machine.builder()
                    .memory(1 << 20)
                    .writeBackEvery(Duration.ofHours(1))
                    .reportTo(reports::add)
                    .build();
            HostFile file = own.openFile(path, GEOMETRY, RW);
            Thread[] threads = new Thread[10];
            int count = group.enumerate(threads);
            isWaiting.set(Stream.of(threads).limit(count).anyMatch(one -> one instanceof DelayedTask));
            file.close();
            own.close();
        });
        caller.start();
        Await.stopped(caller);
        assertTrue(isWaiting.get(), "a thread waits for the next periodic write");
        Await.until("all threads end", () -> group.activeCount() == 0);
        assertEquals(List.of(), reports);
    }
}
