// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * A task that an event hands to another thread. If heap or stack is exhausted at that time, the housekeeping hands the
 * task on later. The object is created before the event, because adding it to the list then needs no memory, and less
 * stack than submitting it.
 */
public final class EnsuredTask extends WaitingCall {
    private final Housekeeping housekeeping;
    private final Runnable handOn;

    /**
     * Prepares a task.
     *
     * @param housekeeping the machine's housekeeping
     * @param handOn gives the task to an executor; if it throws an exception, it is called again. Must not wait
     */
    public EnsuredTask(Housekeeping housekeeping, Runnable handOn) {
        this.housekeeping = housekeeping;
        this.handOn = handOn;
    }

    /**
     * Hands the task on, now or later. Called by the event, and again by the housekeeping if a call failed. A call that
     * failed may have handed the task on nevertheless, so the task may run twice.
     */
    @Override
    public void run() {
        try {
            handOn.run();
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // Added to the waiting calls, because otherwise no thread would hand the task on.
            housekeeping.add(this);
        }
    }

    @Override
    protected boolean isReady() {
        return true;
    }

    /** Does not wait, because {@link #run} only hands the task on. */
    @Override
    protected boolean mayWait() {
        return false;
    }
}
