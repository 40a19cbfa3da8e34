// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/** Supplies the current root to a cursor. */
@FunctionalInterface
interface RootSource {

    Node root();
}
