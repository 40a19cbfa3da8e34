// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.interleave.schedule.Scenario;

/**
 * Runs an operation on a new thread, which ends directly after it, so the thread's CPU stays in the state in which the
 * operation left it.
 */
final class EndingThread implements Scenario.Body {
    private static final int PREPARED = 1;
    private static final int BEGUN = 2;

    private final Thread thread;

    /** Guarded by this. */
    private int stage;

    EndingThread(String name, Scenario.Body body) {
        thread = new Thread(() -> live(body), name);
    }

    private void live(Scenario.Body body) {
        try {
            body.before();
            reach(PREPARED);
            await(BEGUN);
            body.run();
        } catch (RuntimeException thrown) {
            throw thrown;
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private synchronized void reach(int next) {
        stage = next;
        notifyAll();
    }

    private synchronized void await(int wanted) throws InterruptedException {
        while (stage < wanted) {
            wait();
        }
    }

    @Override
    public void before() throws InterruptedException {
        thread.start();
        await(PREPARED);
    }

    @Override
    public void run() throws InterruptedException {
        reach(BEGUN);
        thread.join();
    }
}
