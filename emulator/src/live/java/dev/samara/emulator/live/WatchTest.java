// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A watch over scripts")
final class WatchTest {
    /** Much longer than the test, so that nothing ends because of this limit. */
    private static final int SECONDS = 100_000;

    private static final String SCRIPT = "s0";

    private final Watch watch = new Watch(SECONDS, 1);

    /** A side whose script hangs. */
    private static final class HangingSide implements Watch.Watched {
        private final boolean isAsleep;
        private final CountDownLatch killed = new CountDownLatch(1);
        private final CountDownLatch looks = new CountDownLatch(100);

        HangingSide(boolean isAsleep) {
            this.isAsleep = isAsleep;
        }

        @Override
        public void kill(long process) {
            killed.countDown();
        }

        @Override
        public boolean isAsleep(long process) {
            looks.countDown();
            return isAsleep;
        }

        void awaitKill() throws InterruptedException {
            assertTrue(killed.await(1, TimeUnit.MINUTES));
        }
    }

    @AfterEach
    void close() {
        watch.close();
    }

    @Test
    @DisplayName("ends a script whose tasks all sleep, and the same script of the other side")
    void waiting() throws InterruptedException {
        HangingSide kernel = new HangingSide(true);
        HangingSide guest = new HangingSide(false);
        watch.begun(guest, 2, SCRIPT);
        watch.begun(kernel, 1, SCRIPT);
        kernel.awaitKill();
        guest.awaitKill();
        assertTrue(watch.ended(kernel));
        assertTrue(watch.ended(guest));
    }

    @Test
    @DisplayName("ends a script that begins after the other side was found to wait")
    void late() throws InterruptedException {
        HangingSide kernel = new HangingSide(true);
        watch.begun(kernel, 1, SCRIPT);
        kernel.awaitKill();
        assertTrue(watch.ended(kernel));
        HangingSide guest = new HangingSide(false);
        watch.begun(guest, 2, SCRIPT);
        guest.awaitKill();
        assertTrue(watch.ended(guest));
    }

    @Test
    @DisplayName("lets a script go on whose tasks run")
    void running() throws InterruptedException {
        HangingSide kernel = new HangingSide(false);
        watch.begun(kernel, 1, SCRIPT);
        assertTrue(kernel.looks.await(1, TimeUnit.MINUTES));
        assertFalse(watch.ended(kernel));
    }

    @Test
    @DisplayName("lets another script than the one that waits go on")
    void other() throws InterruptedException {
        HangingSide kernel = new HangingSide(true);
        watch.begun(kernel, 1, SCRIPT);
        kernel.awaitKill();
        HangingSide guest = new HangingSide(false);
        watch.begun(guest, 2, "s1");
        assertTrue(guest.looks.await(1, TimeUnit.MINUTES));
        assertFalse(watch.ended(guest));
    }
}
