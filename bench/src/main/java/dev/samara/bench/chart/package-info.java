// SPDX-License-Identifier: Apache-2.0

/**
 * Charts and tables of the documents, from raw files. {@link dev.samara.bench.chart.RawRow} reads a file, {@link
 * dev.samara.bench.chart.Headline} selects the numbers of a chart, and {@link dev.samara.bench.chart.Drawing} draws it
 * as SVG. {@link dev.samara.bench.chart.TableProgram} writes tables of results into documents.
 */
@NullMarked
package dev.samara.bench.chart;

import org.jspecify.annotations.NullMarked;
