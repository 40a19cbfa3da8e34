// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.util.List;

/** A difference of {@link NumberLanguage}. */
record NumberDifference(List<Integer> steps, String kind) implements Difference<Integer> {}
