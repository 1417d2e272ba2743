#pragma once
// The bytes of one connection, whatever carries them: TCP, TLS over it, or a unix socket. Included by the server alone.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>

namespace hearth::api {

using Socket = boost::asio::generic::stream_protocol::socket;

// One read and one write may be under way at once.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual boost::asio::awaitable<void> handshake(boost::system::error_code& error) = 0;
  virtual boost::asio::awaitable<size_t> read_some(boost::asio::mutable_buffer into, boost::system::error_code& error) = 0;
  virtual boost::asio::awaitable<void> write(boost::asio::const_buffer bytes, boost::system::error_code& error) = 0;
  virtual Socket& socket() = 0;
};

std::unique_ptr<Stream> make_plain_stream(Socket socket);
std::unique_ptr<Stream> make_tls_stream(Socket socket, boost::asio::ssl::context& tls);

}  // namespace hearth::api
