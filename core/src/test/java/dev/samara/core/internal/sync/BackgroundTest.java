// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The threads of a background, the order of its tasks, tasks that hang, and waits for quiescence. */
final class BackgroundTest {
    private static final Duration NEVER = Duration.ofDays(1);
    private static final Duration SOON = Duration.ofMillis(1);

    private static void fail(Throwable thrown) {
        throw new AssertionError(thrown);
    }

    /** Creates a background in which no task is ever late, so that one thread runs all tasks. */
    private static Background patient() {
        return new Background(BackgroundTest::fail, NEVER, NEVER);
    }

    /** Creates a background in which each task that waits is late. */
    private static Background hasty() {
        return new Background(BackgroundTest::fail, SOON, NEVER);
    }

    private static Runnable awaiting(CountDownLatch latch) {
        return () -> {
            try {
                latch.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        };
    }

    private static <T> T ask(Background background, Callable<T> question) throws Exception {
        FutureTask<T> task = new FutureTask<>(question);
        background.execute(task);
        return task.get();
    }

    private static long threadsOf(Background background) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(background::isOf)
                .count();
    }

    @Test
    @DisplayName("tasks run one after the other, on one daemon thread with a name, in the order given")
    void inOrder() throws Exception {
        Background background = patient();
        List<Integer> order = new CopyOnWriteArrayList<>();
        List<Thread> threads = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 1000; i++) {
            int number = i;
            background.execute(() -> {
                order.add(number);
                threads.add(Thread.currentThread());
            });
        }
        background.awaitQuiescence();
        assertEquals(IntStream.range(0, 1000).boxed().toList(), order);
        assertEquals(1, threads.stream().distinct().count());
        assertEquals("samara-1", threads.get(0).getName());
        assertTrue(threads.get(0).isDaemon());
    }

    @Test
    @DisplayName(
            "threads that have nothing to do end at once when told, the leader and the standby; later tasks are run")
    void endsWhenQuiet() throws Exception {
        Background background = hasty();
        CountDownLatch latch = new CountDownLatch(1);
        background.execute(awaiting(latch));
        Thread leader = ask(background, Thread::currentThread);
        latch.countDown();
        background.awaitQuiescence();
        Thread[] before = Thread.getAllStackTraces().keySet().stream()
                .filter(background::isOf)
                .toArray(Thread[]::new);
        background.endWhenQuiet();
        for (Thread thread : before) {
            thread.join();
        }
        Thread later = ask(background, Thread::currentThread);
        assertNotSame(leader, later);
        later.join();
    }

    @Test
    @DisplayName("where no thread can be started, the first failure is told, and a later try comes by itself")
    void startsLater() throws Exception {
        List<Throwable> told = new CopyOnWriteArrayList<>();
        AtomicInteger tries = new AtomicInteger();
        Background background = new Background(
                told::add,
                NEVER,
                NEVER,
                thread -> startAfter(3, tries, thread),
                (task, nanos) -> Background.Timer.start(nanos, task));
        CountDownLatch ran = new CountDownLatch(1);
        background.execute(ran::countDown);
        Await.until("the task runs", () -> ran.getCount() == 0);
        assertEquals(4, tries.get());
        assertEquals(1, told.size(), told::toString);
    }

    private static void startAfter(int failures, AtomicInteger tries, Thread thread) {
        if (tries.incrementAndGet() <= failures) {
            throw new OutOfMemoryError("planted");
        }
        thread.start();
    }

    @Test
    @DisplayName("where the timer has lost the later try, a thread that waits makes it")
    void lostByTheTimer() {
        List<Throwable> told = new CopyOnWriteArrayList<>();
        AtomicInteger tries = new AtomicInteger();
        AtomicInteger lost = new AtomicInteger();
        Background background = new Background(
                told::add,
                NEVER,
                NEVER,
                thread -> startAfter(2, tries, thread),
                (task, nanos) -> lost.incrementAndGet());
        CountDownLatch ran = new CountDownLatch(1);
        background.execute(ran::countDown);
        background.attendAgain();
        assertEquals(1, tries.get(), "the timer has its time");
        Await.until("the task runs", () -> {
            background.attendAgain();
            return ran.getCount() == 0;
        });
        assertEquals(3, tries.get());
        assertEquals(1, lost.get());
        assertEquals(1, told.size(), told::toString);
    }

    @Test
    @DisplayName("where the timer cannot start a thread either, the caller does not wait, and a later call tries again")
    void noThreadForTheTimer() {
        List<Throwable> told = new CopyOnWriteArrayList<>();
        AtomicInteger tries = new AtomicInteger();
        Background background =
                new Background(told::add, NEVER, NEVER, thread -> startAfter(1, tries, thread), (task, nanos) -> {
                    throw new OutOfMemoryError("planted");
                });
        CountDownLatch ran = new CountDownLatch(1);
        background.execute(ran::countDown);
        assertEquals(1, tries.get());
        assertEquals(1, told.size(), told::toString);
        Await.until("the task runs", () -> {
            background.attendAgain();
            return ran.getCount() == 0;
        });
    }

    @Test
    @DisplayName("a thread that only helps to start another one does not wait for the memory for that")
    void attendsOnce() {
        AtomicInteger tries = new AtomicInteger();
        AtomicBoolean isFull = new AtomicBoolean();
        Background background =
                new Background(thrown -> {}, NEVER, NEVER, thread -> startAfter(2, tries, thread), (task, nanos) -> {
                    if (isFull.get()) {
                        throw new OutOfMemoryError("planted");
                    }
                });
        CountDownLatch ran = new CountDownLatch(1);
        background.execute(ran::countDown);
        isFull.set(true);
        Await.until("the overdue attempt", () -> {
            background.attendAgain();
            return tries.get() == 2;
        });
        Await.until("the next one", () -> {
            background.attendAgain();
            return ran.getCount() == 0;
        });
    }

    @Test
    @DisplayName("no thread before there is something to do")
    void startsOnDemand() throws Exception {
        Background background = patient();
        background.awaitQuiescence();
        assertEquals(0, threadsOf(background));
        assertEquals(0, background.pending());
    }

    @Test
    @DisplayName("without hung tasks there are never more than two threads")
    void twoThreadsAtMost() throws Exception {
        Background background = patient();
        CountDownLatch hang = new CountDownLatch(1);
        background.execute(awaiting(hang));
        for (int i = 0; i < 100; i++) {
            background.execute(() -> {});
        }
        assertEquals(101, background.pending());
        assertTrue(threadsOf(background) <= 2);
        hang.countDown();
        background.awaitQuiescence();
        assertTrue(threadsOf(background) <= 2);
    }

    @Test
    @DisplayName("an exception of a task goes to the handler, and the next tasks run on the same thread")
    void throwingTasks() throws Exception {
        List<Throwable> handled = new CopyOnWriteArrayList<>();
        Background background = new Background(handled::add, NEVER, NEVER);
        Thread thread = ask(background, Thread::currentThread);
        Error error = new AssertionError("error");
        RuntimeException exception = new IllegalStateException("exception");
        background.execute(() -> {
            throw error;
        });
        background.execute(() -> {
            throw exception;
        });
        assertSame(thread, ask(background, Thread::currentThread));
        assertEquals(List.of(error, exception), handled);
    }

    @Test
    @DisplayName("an exception of the handler goes to the thread's handler, and the next tasks run")
    void throwingHandler() throws Exception {
        Error second = new AssertionError("second");
        Background background = new Background(
                thrown -> {
                    throw second;
                },
                NEVER,
                NEVER);
        List<Throwable> uncaught = new CopyOnWriteArrayList<>();
        background.execute(() -> {
            Thread.currentThread().setUncaughtExceptionHandler((where, thrown) -> {
                uncaught.add(thrown);
                throw new IllegalStateException("third");
            });
            throw new AssertionError("first");
        });
        assertEquals("passed", ask(background, () -> "passed"));
        assertEquals(List.of(second), uncaught);
    }

    @Test
    @DisplayName("the interrupt flag of one task does not reach the next")
    void interruptsDoNotReachTheNext() throws Exception {
        Background background = patient();
        CountDownLatch given = new CountDownLatch(1);
        background.execute(awaiting(given));
        background.execute(() -> Thread.currentThread().interrupt());
        FutureTask<Boolean> next = new FutureTask<>(Thread::interrupted);
        background.execute(next);
        given.countDown();
        assertFalse(next.get());
    }

    @Test
    @DisplayName("an interrupt does not end an idle thread")
    void interruptDoesNotEndAThread() throws Exception {
        Background background = patient();
        Thread thread = ask(background, Thread::currentThread);
        for (int i = 0; i < 100; i++) {
            thread.interrupt();
            assertSame(thread, ask(background, Thread::currentThread));
        }
    }

    @Test
    @DisplayName("threads without work end, and new ones are started when there is some again")
    void idleThreadsEnd() throws Exception {
        Background background = new Background(BackgroundTest::fail, SOON, SOON);
        for (int i = 0; i < 5; i++) {
            CountDownLatch hang = new CountDownLatch(1);
            background.execute(awaiting(hang));
            Thread thread = ask(background, Thread::currentThread);
            hang.countDown();
            Await.until("its threads have ended", () -> threadsOf(background) == 0);
            assertNotSame(thread, ask(background, Thread::currentThread));
        }
    }

    @Test
    @DisplayName("a background that is dropped can be collected")
    void droppedBackgroundIsCollected() throws Exception {
        WeakReference<Background> dropped = usedAndDropped();
        Await.collected("the background", dropped);
    }

    private static WeakReference<Background> usedAndDropped() throws Exception {
        Background background = new Background(BackgroundTest::fail, SOON, SOON);
        ask(background, () -> "used");
        return new WeakReference<>(background);
    }

    @Test
    @DisplayName("finished tasks are not held, while the threads live and a task hangs")
    void finishedTasksAreNotHeld() throws Exception {
        Background background = hasty();
        CountDownLatch hang = new CountDownLatch(1);
        List<WeakReference<Runnable>> finished = new ArrayList<>();
        give(background, finished);
        background.awaitQuiescence();
        background.execute(awaiting(hang));
        give(background, finished);
        assertEquals("passed", ask(background, () -> "passed"));
        for (WeakReference<Runnable> task : finished) {
            Await.collected("a finished task", task);
        }
        hang.countDown();
        background.awaitQuiescence();
    }

    private static void give(Background background, List<WeakReference<Runnable>> given) {
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < 5; i++) {
            Runnable task = () -> ran.incrementAndGet();
            background.execute(task);
            given.add(new WeakReference<>(task));
        }
    }

    @Test
    @DisplayName("times that are not positive are refused")
    void refusals() {
        assertThrows(IllegalArgumentException.class, () -> new Background(BackgroundTest::fail, Duration.ZERO, SOON));
        assertThrows(IllegalArgumentException.class, () -> new Background(BackgroundTest::fail, SOON, SOON.negated()));
    }

    @Test
    @DisplayName("threads are bounded: at the bound tasks wait for one that returns, which is told once")
    void boundedThreads() throws Exception {
        List<Throwable> told = new CopyOnWriteArrayList<>();
        Background background = new Background(told::add, SOON, NEVER);
        CountDownLatch hang = new CountDownLatch(1);
        CountDownLatch first = new CountDownLatch(1);
        CountDownLatch all = new CountDownLatch(Background.MOST_THREADS);
        background.execute(() -> {
            all.countDown();
            awaiting(first).run();
        });
        for (int i = 1; i < Background.MOST_THREADS; i++) {
            background.execute(() -> {
                all.countDown();
                awaiting(hang).run();
            });
        }
        Await.until("all tasks have begun", () -> all.getCount() == 0);
        CountDownLatch behind = new CountDownLatch(1);
        background.execute(behind::countDown);
        assertEquals(Background.MOST_THREADS, threadsOf(background));
        assertEquals(1, behind.getCount());
        first.countDown();
        Await.until("the task behind them has run", () -> behind.getCount() == 0);
        hang.countDown();
        background.awaitQuiescence();
        assertEquals(1, told.size(), told::toString);
    }

    @Test
    @DisplayName("tasks that hang do not hold up others; there are two threads and one for each that hangs")
    void hungTasksHoldUpNobody() throws Exception {
        Background background = hasty();
        CountDownLatch hang = new CountDownLatch(1);
        int hung = 5;
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < hung; i++) {
            background.execute(ran::incrementAndGet);
            background.execute(awaiting(hang));
        }
        assertEquals("passed", ask(background, () -> "passed"));
        // A quick task whose thread was suspended also counts as late until it returns.
        Await.until(
                "only tasks that hang are pending",
                () -> background.pending() <= hung && threadsOf(background) <= hung + 2);
        assertEquals(hung, background.pending());
        assertTrue(threadsOf(background) >= hung);
        assertEquals(hung, ran.get());
        hang.countDown();
        background.awaitQuiescence();
        assertEquals(0, background.pending());
        Await.until("two threads are left", () -> threadsOf(background) <= 2);
        assertEquals("again", ask(background, () -> "again"));
    }

    @Test
    @DisplayName("a thread that was overtaken is used again after its task")
    void overtakenThreadIsUsedAgain() throws Exception {
        Background background = hasty();
        CountDownLatch firstHangs = new CountDownLatch(1);
        CountDownLatch secondHangs = new CountDownLatch(1);
        FutureTask<Thread> first = new FutureTask<>(() -> {
            firstHangs.await();
            return Thread.currentThread();
        });
        CountDownLatch overtaken = new CountDownLatch(1);
        background.execute(first);
        background.execute(() -> {
            overtaken.countDown();
            awaiting(secondHangs).run();
        });
        overtaken.await();
        firstHangs.countDown();
        Thread thread = first.get();
        Await.until(
                "the leader waits or has ended",
                () -> thread.getState() == Thread.State.TIMED_WAITING || !thread.isAlive(),
                thread);
        assertSame(thread, ask(background, Thread::currentThread));
        secondHangs.countDown();
        background.awaitQuiescence();
    }

    @Test
    @DisplayName("quiescence waits for tasks that other tasks give")
    void quiescenceIsTransitive() throws Exception {
        Background background = hasty();
        AtomicInteger generations = new AtomicInteger();
        Runnable task = new Runnable() {
            @Override
            public void run() {
                if (generations.incrementAndGet() < 1000) {
                    background.execute(this);
                }
            }
        };
        background.execute(task);
        background.awaitQuiescence();
        assertEquals(1000, generations.get());
        assertEquals(0, background.pending());
    }

    @Test
    @DisplayName("quiescence waits for a task that was overtaken")
    void quiescenceWaitsForOvertakenTasks() throws Exception {
        Background background = hasty();
        CountDownLatch hang = new CountDownLatch(1);
        background.execute(awaiting(hang));
        assertEquals("passed", ask(background, () -> "passed"));
        FutureTask<Integer> quiet = new FutureTask<>(() -> {
            background.awaitQuiescence();
            return background.pending();
        });
        Thread thread = new Thread(quiet);
        thread.setDaemon(true);
        thread.start();
        Await.until("quiescence is waited for", () -> thread.getState() == Thread.State.TIMED_WAITING, thread);
        assertFalse(quiet.isDone());
        hang.countDown();
        assertEquals(0, quiet.get());
    }

    @Test
    @DisplayName("a task that waits for quiescence would wait for itself: refused; of another background it may")
    void quiescenceFromATask() throws Exception {
        Background background = patient();
        Background other = patient();
        ask(background, () -> assertThrows(IllegalStateException.class, background::awaitQuiescence));
        other.execute(() -> {});
        assertEquals(0, ask(background, () -> {
            other.awaitQuiescence();
            return other.pending();
        }));
    }

    @Test
    @DisplayName("a wait for quiescence can be interrupted")
    void quiescenceIsInterruptible() throws Exception {
        Background background = patient();
        CountDownLatch hang = new CountDownLatch(1);
        background.execute(awaiting(hang));
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, background::awaitQuiescence);
        hang.countDown();
        background.awaitQuiescence();
    }
}
