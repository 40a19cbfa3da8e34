// SPDX-License-Identifier: Apache-2.0
/** A program of a user of {@code samara-maple} alone: an interval map, whose output {@code .ci/consumer} compares. */
package demo.intervals;
