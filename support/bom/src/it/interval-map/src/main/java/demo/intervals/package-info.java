// SPDX-License-Identifier: Apache-2.0
/** A program of a user of only {@code samara-maple}: an interval map. {@code .ci/consumer} compares its output. */
package demo.intervals;
