// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tasks that do not return. */
final class BackgroundHungTasksTest extends BackgroundFixture {
    @Test
    @DisplayName("threads are bounded: at the bound tasks wait for one that returns, which is told once")
    void boundedThreads() throws Exception {
        List<Throwable> told = new CopyOnWriteArrayList<>();
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
        Await.until("all tasks have begun", () -> all.getCount() == 0);
        CountDownLatch behind = new CountDownLatch(1);
        background.execute(behind::countDown);
        assertEquals(BackgroundThreads.MOST, threadsOf(background));
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
}
