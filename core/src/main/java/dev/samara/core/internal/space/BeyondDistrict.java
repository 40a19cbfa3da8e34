// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * Thrown in an attempt of an operation on a part of a layout that needs something outside of the part: a neighbour, a
 * place, or the decision whether a limit is exceeded. The attempt is dropped, and the next one has the whole layout.
 */
public final class BeyondDistrict extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public BeyondDistrict() {
        super(null, null, false, false);
    }
}
