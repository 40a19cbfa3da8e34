// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.util.List;

/**
 * A script after which its two sides differ.
 *
 * @param <S> a step
 */
public interface Difference<S> {
    /**
     * Returns the steps of the script, none after the one that shows the difference.
     *
     * @return at least one step
     */
    List<S> steps();

    /**
     * Returns what differs, without numbers: differences of one kind probably have one cause.
     *
     * @return some words
     */
    String kind();

    /**
     * Returns the script as it is in a file, with comments about the answers of both sides.
     *
     * @return some lines
     */
    @Override
    String toString();
}
