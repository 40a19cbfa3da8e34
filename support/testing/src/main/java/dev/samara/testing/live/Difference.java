// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.util.List;

/**
 * A script whose two sides differ, i.e. the kernel and its counterpart.
 *
 * @param <S> a step
 */
public interface Difference<S> {
    /**
     * Returns the steps of the script, up to the step that shows the difference.
     *
     * @return at least one step
     */
    List<S> steps();

    /**
     * Returns what differs, without numbers. Differences of the same kind probably have the same cause.
     *
     * @return some words
     */
    String kind();

    /**
     * Returns the script in the format of a file, with comments about the answers of both sides.
     *
     * @return some lines
     */
    @Override
    String toString();
}
