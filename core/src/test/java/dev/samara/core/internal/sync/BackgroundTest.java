// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Await;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** What the background promises. The timeouts only end a run that hangs. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
final class BackgroundTest {
    private static final Duration NEVER = Duration.ofDays(1);
    private static final Duration SOON = Duration.ofMillis(1);

    private static void fail(Throwable thrown) {
        throw new AssertionError(thrown);
    }

    /** In which no task is ever late, so that one thread runs them all. */
    private static Background patient() {
        return new Background(BackgroundTest::fail, NEVER, NEVER);
    }

    /** In which each task is late that waits for anything. */
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
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
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
            "threads that have nothing to do end at once when told, the leader and the watcher; later tasks are run")
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
            thread.join(30_000);
            assertFalse(thread.isAlive(), thread.getName());
        }
        Thread later = ask(background, Thread::currentThread);
        assertNotSame(leader, later);
        later.join(30_000);
        assertFalse(later.isAlive());
    }

    @Test
    @DisplayName("where no thread can be started, the first failure is told, and a later try comes by itself")
    void startsLater() throws Exception {
        List<Throwable> told = Collections.synchronizedList(new ArrayList<>());
        AtomicInteger tries = new AtomicInteger();
        Background background = new Background(told::add, NEVER, NEVER, thread -> {
            if (tries.incrementAndGet() <= 3) {
                throw new OutOfMemoryError("planted");
            }
            thread.start();
        });
        CountDownLatch ran = new CountDownLatch(1);
        background.execute(ran::countDown);
        assertTrue(ran.await(10, TimeUnit.SECONDS), () -> "not run after " + tries + " tries");
        assertEquals(4, tries.get());
        assertEquals(1, told.size(), told::toString);
    }

    @Test
    @DisplayName("threads are bounded: at the bound tasks wait for one that returns, which is told once")
    void boundedThreads() throws Exception {
        List<Throwable> told = Collections.synchronizedList(new ArrayList<>());
        Background background = new Background(told::add, SOON, NEVER);
        CountDownLatch hang = new CountDownLatch(1);
        CountDownLatch first = new CountDownLatch(1);
        CountDownLatch all = new CountDownLatch(BackgroundThreads.MOST);
        background.execute(() -> {
            all.countDown();
            awaiting(first).run();
        });
        for (int i = 1; i < BackgroundThreads.MOST; i++) {
            background.execute(() -> {
                all.countDown();
                awaiting(hang).run();
            });
        }
        assertTrue(all.await(30, TimeUnit.SECONDS), () -> all.getCount() + " have not begun");
        CountDownLatch behind = new CountDownLatch(1);
        background.execute(behind::countDown);
        assertEquals(BackgroundThreads.MOST, threadsOf(background));
        assertEquals(1, behind.getCount());
        first.countDown();
        assertTrue(behind.await(10, TimeUnit.SECONDS));
        hang.countDown();
        background.awaitQuiescence();
        assertEquals(1, told.size(), told::toString);
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
        // A quick task whose thread was suspended counts as late too, until it has returned.
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
    @DisplayName("a task that is given long after another has hung is begun too")
    void givenLateBehindAHungTask() throws Exception {
        Background background = hasty();
        CountDownLatch hang = new CountDownLatch(1);
        CountDownLatch begun = new CountDownLatch(1);
        background.execute(() -> {
            begun.countDown();
            awaiting(hang).run();
        });
        begun.await();
        for (int i = 0; i < 100; i++) {
            int number = i;
            assertEquals(number, ask(background, () -> number));
        }
        Await.until("one task is left", () -> background.pending() <= 1);
        assertEquals(1, background.pending());
        hang.countDown();
        background.awaitQuiescence();
    }

    @Test
    @DisplayName("tasks that wait for the one behind them get it")
    void eachWaitsForTheNext() throws Exception {
        Background background = hasty();
        int length = 30;
        CountDownLatch[] reached = new CountDownLatch[length + 1];
        for (int i = 0; i <= length; i++) {
            reached[i] = new CountDownLatch(1);
        }
        for (int i = 0; i < length; i++) {
            int number = i;
            background.execute(() -> {
                reached[number].countDown();
                awaiting(reached[number + 1]).run();
            });
        }
        background.execute(reached[length]::countDown);
        background.awaitQuiescence();
        assertEquals(0, reached[0].getCount());
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
    @DisplayName("what a task throws goes to the handler, and the next tasks run on the same thread")
    void throwingTasks() throws Exception {
        List<Throwable> handled = Collections.synchronizedList(new ArrayList<>());
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
    @DisplayName("what the handler throws goes to the thread's handler, and the next tasks run")
    void throwingHandler() throws Exception {
        Error second = new AssertionError("second");
        Background background = new Background(
                thrown -> {
                    throw second;
                },
                NEVER,
                NEVER);
        List<Throwable> uncaught = Collections.synchronizedList(new ArrayList<>());
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
    @DisplayName("quiescence waits for what tasks give in turn")
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
        Await.until("quiescence is waited for", () -> thread.getState() == Thread.State.WAITING, thread);
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
}
