// SPDX-License-Identifier: Apache-2.0
/** A program of a user of {@code samara-core}: it maps, stores and loads. {@code .ci/consumer} compares its output. */
package demo.memory;
