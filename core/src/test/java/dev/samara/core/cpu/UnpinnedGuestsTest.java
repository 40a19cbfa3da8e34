// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.VirtualThreads;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Virtual threads that enter spaces")
final class UnpinnedGuestsTest extends GuestFixture {
    private static final int THREADS = 50;
    private static final int ROUNDS = 10;
    private static final int MOST_RUNS = 8;
    private static final String PINNED = "jdk.VirtualThreadPinned";

    /** Parks where a virtual thread cannot leave its carrier: in a class initializer. */
    private static final class Pinning {
        static final long SINCE = System.nanoTime();

        static {
            LockSupport.parkNanos(1);
        }
    }

    private final AtomicLong visits = new AtomicLong();

    @TempDir
    private Path folder;

    @Test
    @DisplayName("are never pinned to their carriers, wherever they wait for each other's polls and operations")
    void unpinned() throws IOException {
        ThreadFactory virtual = VirtualThreads.factory();
        if (virtual == null) {
            return;
        }
        List<RecordedEvent> pinned = List.of();
        for (int run = 0; run == 0 || (run < MOST_RUNS && !pinned.isEmpty()); run++) {
            // The JVM pins threads that wait until a class is loaded or initialized. A retry avoids this, because it
            // happens only once.
            pinned = pinned(() -> run(virtual));
        }
        assertEquals(List.of(), pinned);
        List<RecordedEvent> planted = pinned(() -> await(started(virtual, () -> assertTrue(Pinning.SINCE != 0))));
        assertFalse(planted.isEmpty(), "an event of a thread that is pinned on purpose");
        try (Guest guest = space.enter()) {
            assertEquals(visits.get(), load(guest, AT));
        }
    }

    /** Returns the events of threads that were pinned while an action ran. */
    private List<RecordedEvent> pinned(Runnable action) throws IOException {
        Path file = folder.resolve("pinned.jfr");
        try (Recording recording = new Recording()) {
            recording.enable(PINNED).withoutThreshold();
            recording.start();
            action.run();
            recording.stop();
            recording.dump(file);
        }
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().equals(PINNED))
                .toList();
    }

    private static FutureTask<Void> started(ThreadFactory virtual, Runnable body) {
        FutureTask<Void> task = new FutureTask<>(body, null);
        virtual.newThread(task).start();
        return task;
    }

    private void await(FutureTask<Void> task) {
        Await.result("a virtual thread", task, reports);
    }

    private void run(ThreadFactory virtual) {
        List<FutureTask<Void>> tasks = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            long own = AT + (16 + i) * PAGE;
            tasks.add(started(virtual, () -> visit(own)));
        }
        tasks.forEach(this::await);
    }

    /** Waits in each way in which a guest can: in GUEST by parking, and outside GUEST in calls and faults. */
    private void visit(long own) {
        byte[] bytes = new byte[8];
        for (int i = 0; i < ROUNDS; i++) {
            try (Guest guest = space.enter().leaveForCalls()) {
                assertFault(Fault.NONE, guest.memory().getAndAdd(AT, 8, 1));
                visits.incrementAndGet();
                // Other threads on the same carriers wait for this guest's poll.
                LockSupport.parkNanos(1);
                guest.poll();
                assertEquals(own, space.mmap(own, PAGE, RW, FIXED, null, 0));
                guest.poll();
                store(guest, own, i);
                assertEquals(0, space.mprotect(own, PAGE, Mman.READ));
                guest.poll();
                assertEquals(i, load(guest, own));
                assertEquals(0, space.munmap(own, PAGE));
                long waited = machine.futexes().await(guest.memory(), AT + 2 * PAGE, false, 0, FutexTable.ANY, 1);
                assertEquals(Errno.ETIMEDOUT.result(), waited);
            }
            assertEquals(bytes.length, space.read(AT, bytes, 0, bytes.length));
            if (i % 5 == 0) {
                AddressSpace child = space.fork();
                try (Guest guest = child.enter()) {
                    store(guest, AT + PAGE, i);
                }
                child.close();
            }
        }
    }
}
