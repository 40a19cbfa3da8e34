// SPDX-License-Identifier: Apache-2.0

/**
 * Charts of JMH results. {@link dev.samara.bench.chart.ResultFile} reads the JSON, {@link dev.samara.bench.chart.Plots}
 * decides which figures share a chart, and {@link dev.samara.bench.chart.Drawing} draws the charts as SVG. {@link
 * dev.samara.bench.chart.TableProgram} writes tables of results into documents.
 */
@NullMarked
package dev.samara.bench.chart;

import org.jspecify.annotations.NullMarked;
