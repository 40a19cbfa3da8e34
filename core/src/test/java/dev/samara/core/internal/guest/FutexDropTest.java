// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.guest.FutexTable.ANY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The end of a space, for the futex table")
final class FutexDropTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final FutexBuckets table = (FutexBuckets) fixture.machine.futexes();
    private final long page = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
    private final AtomicInteger resumed = new AtomicInteger();

    private FutexBuckets.Bucket bucketOf(long word) {
        return table.bucketOf(Objects.requireNonNull(fixture.memory.futexKey(word, true, READ)));
    }

    /** Returns the first word whose bucket follows that of another word. */
    private long wordAfter(long word) {
        long found = page;
        while (bucketOf(found).index <= bucketOf(word).index) {
            found += 4;
        }
        return found;
    }

    /** Returns the word with the first bucket. */
    private long firstWord() {
        long found = page;
        for (long word = page; word < page + SpaceFixture.PAGE; word += 4) {
            if (bucketOf(word).index < bucketOf(found).index) {
                found = word;
            }
        }
        return found;
    }

    private FutexWaiter waiter(long word) {
        FutexWaiter made = table.newWaiter(ANY, resumed::incrementAndGet);
        assertEquals(0, made.queue(fixture.memory, word, true, 0));
        return made;
    }

    @Test
    @DisplayName("takes out a waiter that another space moves in the meantime to a bucket that was passed")
    void movedBehind() throws InterruptedException {
        long passed = firstWord();
        long between = wordAfter(passed);
        long ahead = wordAfter(between);
        FutexWaiter mine = waiter(between);
        AddressSpace child = fixture.space.fork();
        fixture.cpu.switchTo(child);
        FutexWaiter early = waiter(passed);
        FutexWaiter late = waiter(ahead);
        fixture.cpu.switchTo(fixture.space);
        FutureTask<Boolean> end = new FutureTask<>(child::close, true);
        FutexBuckets.Bucket held = bucketOf(between);
        held.lock();
        try {
            new Thread(end, "end of the space").start();
            Await.until("the first bucket was passed", () -> !early.isQueued(), fixture.reports);
            assertEquals(0, table.requeue(fixture.memory, ahead, passed, true, 0, 9), "moved");
        } finally {
            held.unlock();
        }
        assertTrue(Await.result("the end", end, fixture.reports));
        fixture.machine.awaitQuiescence();
        assertFalse(late.isQueued() || late.isWoken());
        assertEquals(2, resumed.get());
        assertEquals(1, table.waiters());
        assertFalse(mine.unqueue());
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }
}
