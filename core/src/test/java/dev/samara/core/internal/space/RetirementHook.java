// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * Is called once in the retire phase of each operation of a machine that has a range in flight, on the thread that
 * retires the range and without a lock. {@link MachineSeams} installs it.
 */
@FunctionalInterface
public interface RetirementHook {
    /** Is called after the notifiers that a space had when it was made. An exception is reported. */
    void retire(InFlightRange range);
}
