// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;

/** A call whose arguments name one range, by an address and a length in bytes. */
interface RangeCall extends Call {
    /** Returns the first address, as the caller passed it. */
    long address();

    /** Returns the length in bytes, as the caller passed it. */
    long length();

    @Override
    default long from(Layout layout) {
        return address();
    }

    @Override
    default long to(Layout layout) {
        return Addresses.endOf(address(), length());
    }
}
