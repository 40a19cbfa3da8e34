// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/** Puts what an empty layout begins with. Called once per attempt, under that layout's lock. */
public interface Filling {
    /**
     * Does it.
     *
     * @return 0, or a negated errno
     */
    long fill(Edit edit);
}
