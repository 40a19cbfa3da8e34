// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Thrown by a checked machine when an access breaks one of its invariants. The cause is an error of Samara, or of an
 * embedder that has changed a frame or an entry without a call. The access throws it on the CPU's thread, and it is
 * reported as well. It is an error, so that a handler of guest exceptions does not catch it.
 */
public final class InvariantViolation extends AssertionError {
    private static final long serialVersionUID = 1;

    /** Name of the invariant. */
    private final String invariant;

    /**
     * Makes the violation of one invariant.
     *
     * @param invariant the invariant: "I1", "I2" or "I3"
     * @param message the access, and the earlier actions of both sides
     */
    public InvariantViolation(String invariant, String message) {
        super(invariant + ": " + message);
        this.invariant = invariant;
    }

    /**
     * Returns the invariant.
     *
     * @return "I1", "I2" or "I3"
     */
    public String invariant() {
        return invariant;
    }
}
