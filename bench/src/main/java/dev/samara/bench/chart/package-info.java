// SPDX-License-Identifier: Apache-2.0

/**
 * Charts of JMH results. {@link dev.samara.bench.chart.ResultFile} reads the JSON, {@link dev.samara.bench.chart.Plots}
 * decides which figures are in the same chart, and {@link dev.samara.bench.chart.Drawing} draws them as SVG. {@link
 * dev.samara.bench.chart.TableProgram} writes tables of them into documents.
 */
@NullMarked
package dev.samara.bench.chart;

import org.jspecify.annotations.NullMarked;
