// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Thrown by a checked machine when an access breaks an invariant of {@code docs/invariants.md}. The cause is a bug in
 * Samara, or an embedder that changed a frame or an entry without a call. The access throws it on the CPU's thread, and
 * it is also reported. It is an {@code Error}, so that a handler of guest exceptions does not catch it.
 *
 * <p>A checked machine checks three invariants:
 *
 * <ul>
 *   <li><b>I1</b>: an address translates to at most one frame at each instant, over all CPUs.
 *   <li><b>I2</b>: no access completes after the return of a call that removed its page or its right.
 *   <li><b>I3</b>: no frame, page table or TLB context is reused while a CPU may still use it.
 * </ul>
 */
public final class InvariantViolation extends AssertionError {
    private static final long serialVersionUID = 1;

    /** The number of the invariant. */
    private final String invariant;

    /**
     * Creates the violation of one invariant.
     *
     * @param invariant its number: "I1", "I2" or "I3"
     * @param message describes the access, and the latest earlier accesses and revocations on both sides
     */
    public InvariantViolation(String invariant, String message) {
        super(invariant + ": " + message);
        this.invariant = invariant;
    }

    /**
     * Returns the invariant's number in {@code docs/invariants.md}.
     *
     * @return "I1", "I2" or "I3"
     */
    public String invariant() {
        return invariant;
    }
}
