// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.util.Map;

/**
 * One measured number.
 *
 * @param source the file of the number, without its extension
 * @param suite the simple name of the benchmark class
 * @param method the benchmark; for a group, also the method within the group
 * @param what the quantity, such as a percentile; empty for the benchmark's main score
 * @param unit its unit
 * @param parameters the values of the benchmark's parameters by name
 * @param score the number
 * @param error half of its 99.9 % confidence interval, or NaN if it was measured once
 */
record Figure(
        String source,
        String suite,
        String method,
        String what,
        String unit,
        Map<String, String> parameters,
        double score,
        double error) {}
