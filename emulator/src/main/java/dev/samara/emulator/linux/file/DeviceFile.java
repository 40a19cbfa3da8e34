// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import org.jspecify.annotations.Nullable;

/** {@code /dev/null}, {@code /dev/zero}, {@code /dev/full}, {@code /dev/random} and {@code /dev/urandom}. */
public final class DeviceFile extends GuestFile {
    private static final String FOLDER = "/dev/";

    /** The devices, with their inode numbers. */
    private enum Device {
        NULL(5),
        ZERO(6),
        FULL(7),
        RANDOM(8),
        URANDOM(9);

        private final int inode;

        Device(int inode) {
            this.inode = inode;
        }
    }

    private static final SecureRandom RANDOM = new SecureRandom();

    private final Device device;

    private DeviceFile(String path, int flags, Device device) {
        super(path, flags);
        this.device = device;
    }

    /** Opens a device; returns null if no device has that name. */
    public static @Nullable DeviceFile open(String path, int flags) {
        if (!path.startsWith(FOLDER)) {
            return null;
        }
        Device found = switch (path.substring(FOLDER.length())) {
            case "null" -> Device.NULL;
            case "zero" -> Device.ZERO;
            case "full" -> Device.FULL;
            case "random" -> Device.RANDOM;
            case "urandom" -> Device.URANDOM;
            default -> null;
        };
        return found == null ? null : new DeviceFile(path, flags, found);
    }

    public static void fillRandomly(byte[] bytes) {
        RANDOM.nextBytes(bytes);
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        return read(target);
    }

    private long read(ByteBuffer target) {
        if (device == Device.NULL) {
            return 0;
        }
        byte[] bytes = new byte[target.remaining()];
        if (isRandom()) {
            fillRandomly(bytes);
        }
        target.put(bytes);
        return bytes.length;
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        return write(source);
    }

    private long write(ByteBuffer source) {
        if (device == Device.FULL) {
            return LinuxErrno.ENOSPC;
        }
        int length = source.remaining();
        source.position(source.limit());
        return length;
    }

    @Override
    public long writeFrom(FileThread thread, long length, WriteSource source) {
        return device == Device.FULL ? LinuxErrno.ENOSPC : super.writeFrom(thread, length, source);
    }

    @Override
    public long writeFromAt(long length, WriteSource source, long offset) {
        return device == Device.FULL ? LinuxErrno.ENOSPC : super.writeFromAt(length, source, offset);
    }

    @Override
    public long readAt(ByteBuffer target, long offset) {
        return read(target);
    }

    @Override
    public long writeAt(ByteBuffer source, long offset) {
        return write(source);
    }

    @Override
    public long seek(long offset, int from) {
        return 0;
    }

    @Override
    public boolean isSendable() {
        return device != Device.NULL;
    }

    @Override
    public boolean takesSent() {
        return device != Device.FULL;
    }

    @Override
    public boolean dropsBytes() {
        return device == Device.NULL || device == Device.ZERO;
    }

    @Override
    public GuestFile reopened(int changed) {
        return new DeviceFile(path(), changed & OpenFlags.KEPT, device);
    }

    /** Whether this is {@code /dev/random} or {@code /dev/urandom}. */
    public boolean isRandom() {
        return device == Device.RANDOM || device == Device.URANDOM;
    }

    /** Reports {@code /dev/random} as readable only ({@code random_poll}). */
    @Override
    public int ready() {
        return device == Device.RANDOM ? READABLE : super.ready();
    }

    @Override
    public long unknownRequest() {
        return isRandom() ? LinuxErrno.EINVAL : super.unknownRequest();
    }

    @Override
    public boolean sendsSignals() {
        return isRandom();
    }

    @Override
    boolean isZero() {
        return device == Device.ZERO;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(FileStatus.CHARACTERS | 0666, device.inode, 0);
    }
}
