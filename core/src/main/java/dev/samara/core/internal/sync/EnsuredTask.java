// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * A task that an event hands to another thread, even if heap or stack are exhausted then: the housekeeping hands it on
 * later. Made before the event, since listing it needs no memory, and less stack.
 */
public final class EnsuredTask extends WaitingCall {
    private final Housekeeping housekeeping;
    private final Runnable handOn;

    /**
     * Prepares a task.
     *
     * @param housekeeping of the machine
     * @param handOn gives the task to an executor; if it throws an exception, it is called again. Must not wait
     */
    public EnsuredTask(Housekeeping housekeeping, Runnable handOn) {
        this.housekeeping = housekeeping;
        this.handOn = handOn;
    }

    /**
     * Hands the task on, now or later. The event calls it; the housekeeping calls it again if a call has failed. A call
     * that has failed may have handed the task on nevertheless, so the task may run twice.
     */
    @Override
    public void run() {
        try {
            handOn.run();
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // Nothing else would hand the task on.
            housekeeping.add(this);
        }
    }

    @Override
    protected boolean isReady() {
        return true;
    }

    /** Only hands on. */
    @Override
    protected boolean mayWait() {
        return false;
    }
}
