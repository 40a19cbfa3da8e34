// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/** Where a cursor finds the root of the moment. */
@FunctionalInterface
interface RootSource {

    Node root();
}
