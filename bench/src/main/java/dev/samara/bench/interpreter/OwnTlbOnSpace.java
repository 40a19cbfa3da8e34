// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.core.AddressSpace;

/** Physical memory that is a Samara space. {@code FlatMemory.translate} returns the indexes. */
final class OwnTlbOnSpace extends OwnTlbOnBytes {
    private final PhysicalSpace physical;

    OwnTlbOnSpace(PhysicalSpace physical) {
        super(physical.region());
        this.physical = physical;
        physical.dropAtFlushes(this);
    }

    AddressSpace space() {
        return physical.space();
    }

    @Override
    int translate(long address, boolean writes) {
        return physical.translate(address, writes);
    }

    @Override
    long read(long address, int size) {
        return physical.read(address, size);
    }

    @Override
    void write(long address, int size, long value) {
        physical.write(address, size, value);
    }

    @Override
    public boolean poll() {
        return physical.poll();
    }

    @Override
    public void close() {
        physical.close();
    }
}
