// SPDX-License-Identifier: Apache-2.0
/** A program of a {@code samara-core} user, which maps, stores and loads. {@code .ci/consumer} compares its output. */
package demo.memory;
