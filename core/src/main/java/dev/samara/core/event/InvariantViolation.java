// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * A checked machine has seen an access that one of its invariants forbids: Samara is at fault, or an embedder who has
 * changed a frame or an entry behind its back. Thrown by the access, on the CPU's thread, and reported as well. An
 * error, so that nobody who handles what a guest does wrong takes it for that.
 */
public final class InvariantViolation extends AssertionError {
    private static final long serialVersionUID = 1;

    /** Its name in the design. */
    private final String invariant;

    /**
     * Makes one.
     *
     * @param invariant which: "I1", "I2" or "I3"
     * @param message what was seen, and what both sides did before
     */
    public InvariantViolation(String invariant, String message) {
        super(invariant + ": " + message);
        this.invariant = invariant;
    }

    /**
     * Which invariant.
     *
     * @return "I1", "I2" or "I3"
     */
    public String invariant() {
        return invariant;
    }
}
