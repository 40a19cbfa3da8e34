// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * Thrown by an attempt that works on one part of a layout but needs something outside it: a neighbour, a place for a
 * mapping, or the decision whether a limit is exceeded. The attempt is dropped, and the next one works on the whole
 * layout.
 */
public final class BeyondDistrict extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public BeyondDistrict() {
        super(null, null, false, false);
    }
}
