// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/** Stores the initial VMAs of an empty layout. Called once per attempt, under the lock of that layout. */
public interface Filling {
    /** Returns 0, or a negated errno. */
    long fill(Edit edit);
}
